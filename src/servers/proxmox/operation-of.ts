import { OPERATIONS, type Operation } from './schema.ts';

/** What a call of the API needs: all of these classes, or, if it is `refused`, it is not made from here at all. */
export interface Need {
  readonly operations: readonly Operation[];
  readonly destructive: boolean;
  readonly refused?: string;
}

const CREDENTIAL = 'it hands out or sets a credential, which would pass through the model';
const CREDENTIALS =
  /^\/access\/(ticket|vncticket|openid\/|password|tfa|users\/\{userid\}\/(token\/|unlock-tfa))|\/(set-user-password|remote_migrate)$/;
const CONSOLE = 'it opens a console or a tunnel, which cannot be used from here';
const CONSOLES = /\/(vncproxy|vncwebsocket|vncshell|termproxy|spiceproxy|spiceshell|mtunnel|mtunnelwebsocket)$/;

/** `GET`s that do more than look: into a guest, out into the network, or at what a backup holds. */
const DEEP_READS: readonly (readonly [RegExp, Operation])[] = [
  [/\/(agent\/(exec-status|file-read)|cloudinit\/dump)$/, 'manage_vms'],
  [/^\/cluster\/acme\/(tos|meta)$/, 'manage_vms'],
  [/^\/nodes\/\{node\}\/(scan\/|query-url-metadata|query-oci-repo-tags)/, 'manage_vms'],
  [/\/file-restore\//, 'backup'],
];

/** Changes: method and template of the path -> class. What stands first holds. */
const WRITES: readonly (readonly [RegExp, Operation])[] = [
  [/^[A-Z]+ \/nodes\/\{node\}\/(qemu|lxc)\/\{vmid\}\/snapshot/, 'snapshot'],
  [/^POST \/nodes\/\{node\}\/vzdump$/, 'backup'],
  [/^[A-Z]+ \/cluster\/backup(\/|$)/, 'backup'],
  [/^PUT \/nodes\/\{node\}\/storage\/\{storage\}\/content\/\{volume\}$/, 'backup'],
  [/^DELETE \/nodes\/\{node\}\/storage\/\{storage\}\/(content\/\{volume\}|prunebackups)$/, 'cleanup'],
  [/^[A-Z]+ \/nodes\/\{node\}\/(qemu|lxc)(\/|$)/, 'manage_vms'],
  [/^POST \/nodes\/\{node\}\/storage\/\{storage\}\/(content|download-url|upload)/, 'manage_vms'],
  [/^POST \/nodes\/\{node\}\/aplinfo$/, 'manage_vms'],
  [/^DELETE \/nodes\/\{node\}\/tasks\/\{upid\}$/, 'manage_vms'],
  [/^[A-Z]+ \/cluster\/ha\/resources(\/|$)/, 'manage_vms'],
];

/**
 * What a call of any endpoint needs, by its method and the template of its path (`/nodes/{node}/qemu/{vmid}/config`). A change
 * that no class describes (users, storage definitions, nodes, the cluster itself) needs all of them.
 */
export function needOf(method: string, template: string): Need {
  if (method === 'GET') {
    // To look at tokens and second factors shows no secret.
    if (CONSOLES.test(template)) return { operations: ['monitor'], destructive: false, refused: CONSOLE };
    return { operations: [first(DEEP_READS, template) ?? 'monitor'], destructive: false };
  }
  const operation = first(WRITES, `${method} ${template}`);
  const operations = operation === undefined ? OPERATIONS : [operation];
  const refused = CONSOLES.test(template) ? CONSOLE : CREDENTIALS.test(template) ? CREDENTIAL : undefined;
  return refused === undefined ? { operations, destructive: true } : { operations, destructive: true, refused };
}

function first<T>(rules: readonly (readonly [RegExp, T])[], text: string): T | undefined {
  return rules.find(([pattern]) => pattern.test(text))?.[1];
}
