import * as z from 'zod';
import { AppError } from '../../../core/errors.ts';
import { nodes, records, resources, storages, type Volume, volumes } from '../answers.ts';
import { nodeName, storageName, vmid } from '../guests.ts';
import { permitted } from '../permitted.ts';
import { defineChange, waitSeconds } from '../proposal.ts';
import { route, withQuery } from '../route.ts';
import { type Call, defineTool, fromServer, usage, usageOf } from '../tool.ts';
import { bytes } from '../units.ts';

/** `pve_list_storage`: what each node can store where. */
export const listStorage = defineTool({
  name: 'pve_list_storage',
  title: 'List Proxmox storages',
  description: 'Storages of each node: type, what they may hold, whether they are active, and how full they are.',
  operation: 'monitor',
  input: z.strictObject({
    node: nodeName.optional(),
    content: z.enum(['images', 'rootdir', 'iso', 'vztmpl', 'backup', 'snippets', 'import']).optional(),
  }),
  output: z.object({
    ...fromServer,
    storages: z.array(
      z.object({
        node: z.string(),
        storage: z.string(),
        type: z.string(),
        content: z.array(z.string()),
        active: z.boolean(),
        shared: z.boolean(),
        bytes: usage.optional(),
      }),
    ),
    notes: z.array(z.string()),
  }),
  async run(call, { node, content }) {
    const notes: string[] = [];
    const names = node === undefined ? (await call.get('/nodes', nodes)).map((one) => one.node) : [node];
    const lists = await Promise.all(
      names.map(async (name) => {
        const found = await permitted(call, withQuery(route`/nodes/${name}/storage`, { content }), storages, notes);
        return (found ?? []).map((one) => ({
          node: name,
          storage: one.storage,
          type: one.type,
          content: one.content ?? [],
          active: one.active ?? false,
          shared: one.shared ?? false,
          bytes: usageOf(one.used, one.total),
        }));
      }),
    );
    const all = lists.flat();
    const lines = all.map((one) => {
      const full = one.bytes?.total ? `${bytes(one.bytes.used ?? 0)} of ${bytes(one.bytes.total)} used` : '';
      return [`${one.node}/${one.storage}`, one.type, one.active ? '' : 'NOT active', full].filter(Boolean).join(', ');
    });
    return { structured: { server: call.server, storages: all, notes }, text: [...lines, ...notes].join('\n') };
  },
});

/** A volume as tools show it. */
export const volumeView = z.object({
  volid: z.string(),
  content: z.string().optional(),
  format: z.string().optional(),
  size_bytes: z.number().optional(),
  created: z.string().optional().describe('ISO 8601'),
  vmid: z.number().optional(),
  notes: z.string().optional(),
  protected: z.boolean(),
  verified: z.string().optional().describe('Proxmox Backup Server: ok or failed'),
});

export function shownVolume(one: Volume): z.output<typeof volumeView> {
  return {
    volid: one.volid,
    content: one.content,
    format: one.format,
    size_bytes: one.size,
    created: one.ctime === undefined ? undefined : new Date(one.ctime * 1000).toISOString(),
    vmid: one.vmid,
    notes: one.notes,
    protected: one.protected ?? false,
    verified: one.verification?.state,
  };
}

/** A node on which a storage is available. */
export async function nodeOfStorage(call: Call, storage: string): Promise<string> {
  const all = await call.get('/cluster/resources?type=storage', resources);
  const own = all.filter((one) => one.storage === storage);
  const found = own.find((one) => one.status === 'available') ?? own[0];
  if (found?.node !== undefined) return found.node;
  throw new AppError(
    'params.invalid',
    `Proxmox server "${call.server}" shows no storage "${storage}". pve_list_storage lists them; one on which this login has no Datastore.Audit is not shown`,
  );
}

/** `pve_storage_content`: what a storage holds. */
export const storageContent = defineTool({
  name: 'pve_storage_content',
  title: 'Content of a Proxmox storage',
  description: 'Volumes on a storage: disk images, ISO images, container templates, backups, importable images.',
  operation: 'monitor',
  input: z.strictObject({
    storage: storageName,
    node: nodeName.optional().describe('Needed for a storage that nodes do not share; else any that has it'),
    content: z.enum(['iso', 'vztmpl', 'backup', 'images', 'rootdir', 'import']).optional(),
    vmid: vmid.optional(),
  }),
  output: z.object({ ...fromServer, node: z.string(), storage: z.string(), volumes: z.array(volumeView) }),
  async run(call, { storage, node, content, vmid: number }) {
    const on = node ?? (await nodeOfStorage(call, storage));
    const path = withQuery(route`/nodes/${on}/storage/${storage}/content`, { content, vmid: number });
    const found = (await call.get(path, volumes)).map(shownVolume);
    const lines = found.map((one) =>
      [one.volid, one.size_bytes && bytes(one.size_bytes), one.created].filter(Boolean).join(', '),
    );
    const structured = { server: call.server, node: on, storage, volumes: found };
    return { structured, text: [`${found.length} volumes on ${storage}`, ...lines].join('\n') };
  },
});

/** `pve_download_media`: an ISO image, container template or disk image, from a URL or from Proxmox's list of templates. */
export const downloadMedia = defineChange({
  name: 'pve_download_media',
  title: 'Download media to a Proxmox storage',
  description:
    'Has a node download an ISO image, container template or disk image from a URL and check it, or a template from the list that Proxmox offers (template). With list, shows that list.',
  operation: 'manage_vms',
  effects: ['read', 'write'],
  input: z.strictObject({
    node: nodeName,
    storage: storageName,
    url: z.url({ protocol: /^https?$/ }).optional(),
    filename: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9._+-]*$/)
      .optional()
      .describe('Name on the storage'),
    content: z.enum(['iso', 'vztmpl', 'import']).default('iso'),
    checksum: z.string().optional().describe('Needed with url: hexadecimal'),
    checksum_algorithm: z.enum(['sha256', 'sha384', 'sha512', 'sha224', 'sha1', 'md5']).default('sha256'),
    template: z.string().optional().describe('Name of a template in the list, instead of a URL'),
    list: z.boolean().default(false).describe('Only show the templates that Proxmox offers'),
    wait_seconds: waitSeconds,
  }),
  extra: { templates: z.array(z.record(z.string(), z.unknown())).optional() },
  async run(call, args) {
    const { node, storage, url, filename, template } = args;
    const list = route`/nodes/${node}/aplinfo`;
    if (args.list) {
      const templates = await call.get(list, records);
      const structured = { server: call.server, applied: false, changes: [], notes: [], templates };
      return { structured, text: templates.map((one) => String(one.template)).join('\n') };
    }
    const change = {
      method: 'POST' as const,
      target: `storage/${node}/${storage}`,
      guests: [],
      destructive: false,
    };
    const waitMs = args.wait_seconds * 1000;
    if (template !== undefined && url === undefined) {
      const action = `download template ${template}`;
      return { changes: [{ ...change, path: list, params: { storage, template }, action }], waitMs };
    }
    if (!url || !filename || !args.checksum) {
      throw new AppError(
        'params.invalid',
        'Say url, filename and checksum (what cannot be checked is not taken), or template',
      );
    }
    const params = {
      url,
      filename,
      content: args.content,
      checksum: args.checksum,
      'checksum-algorithm': args.checksum_algorithm,
    };
    const path = route`/nodes/${node}/storage/${storage}/download-url`;
    return { changes: [{ ...change, path, params, action: `download ${filename}` }], waitMs };
  },
});
