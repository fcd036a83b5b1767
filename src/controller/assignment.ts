import type { Catalogue, CatalogueEntry } from '../core/catalogue.ts';
import type { HostAssignment, HostLimits, Launch } from '../core/channel.ts';
import { AppError } from '../core/errors.ts';
import type { ServerName } from '../core/ids.ts';
import type { SessionRecord } from '../core/session.ts';
import type { EgressGrants } from '../sessions/egress-grants.ts';
import type { RecordSeal } from '../sessions/record-seal.ts';
import type { Sealer, Variables } from '../sessions/sealer.ts';
import { egressHostsOf } from './egress-hosts.ts';

export interface AssignmentContext {
  readonly catalogue: Catalogue;
  readonly sealer: Sealer;
  readonly records: RecordSeal;
  readonly grants: EgressGrants;
  /** The manager's own environment: where a variable comes from that the terminal did not bring. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly hostLimits: HostLimits;
  /** Content of a configuration template. */
  readonly readTemplate: (path: string) => Promise<string>;
}

/** What the host of this server is told. Throws `config.invalid` if a variable, a template or the entry itself is missing. */
export async function assignmentOf(
  context: AssignmentContext,
  record: SessionRecord,
  name: ServerName,
  incarnation: number,
): Promise<HostAssignment> {
  const entry = context.catalogue.get(name);
  if (!entry) {
    throw new AppError(
      'config.invalid',
      `The catalogue has no server "${name}" any more: put it back and restart the manager, or stop it with \`mcp-session-manager stop ${name}\``,
    );
  }
  const variables = variablesOf(entry, context.sealer.unseal(record.id, record.sealed), context.env);
  return {
    session: record.id,
    server: name,
    launch: launchOf(entry, record.workspace, variables),
    variables,
    files: await filesOf(entry, context.readTemplate),
    workspace: record.workspace,
    deadline: record.maxAt,
    limits: context.hostLimits,
    record: context.records.seal(record),
    ...(record.logSetting ? { logSetting: record.logSetting } : {}),
    ...(entry.clientRoots ? { clientRoots: true as const } : {}),
    ...(entry.network === 'egress'
      ? { egress: { grant: context.grants.issue(record, name, incarnation, egressHostsOf(entry, variables)) } }
      : {}),
  };
}

/** Only what the entry names: a server never sees another's secrets. */
function variablesOf(entry: CatalogueEntry, session: Variables, env: AssignmentContext['env']): Variables {
  const values: Record<string, string> = {};
  for (const name of entry.variables) {
    const value = session[name] ?? env[name];
    if (value !== undefined) values[name] = value;
  }
  return values;
}

function launchOf(entry: CatalogueEntry, workspace: string, variables: Variables): Launch {
  if (entry.transport === 'module') return { kind: 'module', module: entry.command };
  const env = Object.entries(entry.env).map(([key, text]) => [key, fill(entry.name, text, workspace, variables)]);
  return {
    kind: 'stdio',
    command: entry.command,
    args: entry.args.map((text) => text.replaceAll('${workspace}', () => asValue(workspace))),
    env: Object.fromEntries(env),
  };
}

/** So that the host, which fills in the rest, takes nothing in it for a placeholder of its own. */
const asValue = (value: string): string => value.replace(/\$\{(?:configDir|dist|node)\}/g, '$$$&');

/** In one go, so that nothing in a value is taken for a placeholder. `${configDir}` is the host's to fill in. */
function fill(server: ServerName, text: string, workspace: string, variables: Variables): string {
  return text.replace(/\$\{(?:workspace|env:([^}]*))\}/g, (_, variable: string | undefined) => {
    if (variable === undefined) return asValue(workspace);
    const value = variables[variable];
    if (value !== undefined) return asValue(value);
    throw new AppError(
      'config.invalid',
      `Server "${server}" needs the variable ${variable}: set it in the terminal and run \`mcp-session-manager init\` again (the server's catalogue entry must list it under "variables")`,
    );
  });
}

async function filesOf(
  entry: CatalogueEntry,
  readTemplate: AssignmentContext['readTemplate'],
): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const [file, path] of Object.entries(entry.files)) {
    try {
      files[file] = await readTemplate(path);
    } catch (cause) {
      const message = `Server "${entry.name}": the template of its configuration file ${file} cannot be read: check "files" in the catalogue`;
      throw new AppError('config.invalid', message, { cause });
    }
  }
  return files;
}
