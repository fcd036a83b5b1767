import * as z from 'zod';
import { AppError } from '../../../core/errors.ts';
import { type Resource, resources } from '../answers.ts';
import { defineTool, fromServer, usage, usageOf } from '../tool.ts';
import { bytes, percent } from '../units.ts';

const resource = z.object({
  id: z.string().describe('For example "qemu/100", "lxc/101", "node/pve1", "storage/pve1/local"'),
  type: z.string().describe('qemu, lxc, node, storage, pool, sdn, ...'),
  vmid: z.number().optional(),
  name: z.string().optional(),
  node: z.string().optional(),
  status: z.string().optional(),
  template: z.boolean().optional(),
  pool: z.string().optional(),
  tags: z.array(z.string()).optional(),
  lock: z.string().optional(),
  ha_state: z.string().optional(),
  cpus: z.number().optional(),
  cpu_usage: z.number().optional().describe('Share of all its CPUs, 0 to 1'),
  memory_bytes: usage.optional(),
  disk_bytes: usage.optional().describe('Used is not known for virtual machines (qemu)'),
  uptime_seconds: z.number().optional(),
  storage_type: z.string().optional(),
  content: z.array(z.string()).optional().describe('What a storage may hold'),
  shared: z.boolean().optional(),
});

/** `pve_list_resources`: what there is in a cluster; `type: "vm"` lists the guests. */
export const listResources = defineTool({
  name: 'pve_list_resources',
  title: 'List Proxmox resources',
  description:
    'Lists guests (type "vm": virtual machines and containers), storages, nodes and SDN zones of a Proxmox cluster, with their state and use. Filters combine. Values are about 10 seconds old.',
  operation: 'monitor',
  input: z.strictObject({
    type: z
      .enum(['vm', 'storage', 'node', 'sdn'])
      .optional()
      .describe('Only this kind; "vm" is every guest, containers too'),
    status: z.string().optional().describe('Only this status: running, stopped, online, offline, available, ...'),
    node: z.string().optional().describe('Only on this node'),
    pool: z.string().optional().describe('Only guests and storages of this pool'),
    tag: z.string().optional().describe('Only guests with this tag'),
    name: z.string().optional().describe('Only where name or id contains this, upper and lower case alike'),
    limit: z.int().min(1).max(500).default(100).describe('How many at most'),
    cursor: z.string().optional().describe('next_cursor of the page before'),
  }),
  output: z.object({
    ...fromServer,
    total: z.number().describe('How many match, on all pages'),
    resources: z.array(resource),
    next_cursor: z.string().optional().describe('There is more: call again with this as cursor'),
  }),
  async run(call, args) {
    const after = args.cursor === undefined ? '' : keyIn(args.cursor);
    const all = await call.get(args.type ? `/cluster/resources?type=${args.type}` : '/cluster/resources', resources);
    const matching = all.filter((one) => matches(one, args)).sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
    const rest = matching.filter((one) => keyOf(one) > after);
    const page = rest.slice(0, args.limit);
    const last = page.at(-1);
    const next = last && rest.length > page.length ? cursorOf(last) : undefined;
    const structured = {
      server: call.server,
      total: matching.length,
      resources: page.map(shown),
      next_cursor: next,
    };
    const head = `${page.length} of ${matching.length} on ${call.server}${next ? ', more with next_cursor' : ''}`;
    return { structured, text: [head, ...page.map(line)].join('\n') };
  },
});

interface Filter {
  readonly status?: string | undefined;
  readonly node?: string | undefined;
  readonly pool?: string | undefined;
  readonly tag?: string | undefined;
  readonly name?: string | undefined;
}

function matches(one: Resource, filter: Filter): boolean {
  const same = (wanted: string | undefined, value: string | undefined) => wanted === undefined || wanted === value;
  const wanted = filter.name?.toLowerCase();
  return (
    same(filter.status, one.status) &&
    same(filter.node, one.node) &&
    same(filter.pool, one.pool) &&
    (filter.tag === undefined || (one.tags ?? []).includes(filter.tag)) &&
    (wanted === undefined || `${one.id} ${one.name ?? ''}`.toLowerCase().includes(wanted))
  );
}

/** Where a resource stands in the order: by type, then by number or id. A page goes on behind a key, whatever came or went. */
function keyOf(one: Resource): string {
  return `${one.type}/${one.vmid === undefined ? one.id : String(one.vmid).padStart(9, '0')}`;
}

const cursorOf = (one: Resource): string => Buffer.from(keyOf(one)).toString('base64url');

function keyIn(cursor: string): string {
  const key = Buffer.from(cursor, 'base64url').toString();
  if (/^[a-z]+\/./.test(key)) return key;
  throw new AppError('params.invalid', 'cursor is not the next_cursor of an earlier call; leave it out to start again');
}

function shown(one: Resource): z.input<typeof resource> {
  return {
    id: one.id,
    type: one.type,
    vmid: one.vmid,
    name: one.name ?? one.storage ?? one.sdn,
    node: one.node,
    status: one.status,
    template: one.template,
    pool: one.pool,
    tags: one.tags,
    lock: one.lock,
    ha_state: one.hastate,
    cpus: one.maxcpu,
    cpu_usage: one.cpu,
    memory_bytes: usageOf(one.mem, one.maxmem),
    // The API says 0 for every virtual machine: it does not look into its disks.
    disk_bytes: usageOf(one.type === 'qemu' ? undefined : one.disk, one.maxdisk),
    uptime_seconds: one.uptime,
    storage_type: one.plugintype,
    content: one.content,
    shared: one.shared,
  };
}

function line(one: Resource): string {
  const parts = [one.id, one.name, one.template ? 'template' : one.status, one.node && `on ${one.node}`];
  if (one.cpu !== undefined && one.status !== 'stopped') parts.push(`CPU ${percent(one.cpu)}`);
  if (one.mem !== undefined && one.maxmem) parts.push(`memory ${bytes(one.mem)} of ${bytes(one.maxmem)}`);
  if (one.type === 'storage' && one.maxdisk) parts.push(`${bytes(one.disk ?? 0)} of ${bytes(one.maxdisk)} used`);
  return parts.filter(Boolean).join(', ');
}
