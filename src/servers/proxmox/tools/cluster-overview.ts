import * as z from 'zod';
import { clusterStatus, haStatus, type Resource, resources, version } from '../answers.ts';
import { permitted } from '../permitted.ts';
import { defineTool, fromServer, usage, usageOf } from '../tool.ts';
import { bytes, percent } from '../units.ts';

const counts = z.object({ total: z.number(), running: z.number(), stopped: z.number(), templates: z.number() });

const overview = z.object({
  ...fromServer,
  version: z.string(),
  cluster: z.string().optional().describe('Name of the cluster; absent for a single node'),
  quorate: z.boolean().optional().describe('A majority of the nodes is there'),
  nodes: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      ip: z.string().optional(),
      cpus: z.number().optional(),
      cpu_usage: z.number().optional().describe('Share of all its CPUs, 0 to 1'),
      memory_bytes: usage.optional(),
      uptime_seconds: z.number().optional(),
    }),
  ),
  guests: z.object({ qemu: counts.describe('Virtual machines'), lxc: counts.describe('Containers') }),
  storage_bytes: usage.describe('All storages; one that nodes share counts once'),
  ha: z.array(z.object({ sid: z.string(), state: z.string(), node: z.string().optional() })).optional(),
  notes: z.array(z.string()).describe('What this login may not see'),
});
type Overview = z.output<typeof overview>;

/** `pve_cluster_overview`: a whole cluster on one page. */
export const clusterOverview = defineTool({
  name: 'pve_cluster_overview',
  title: 'Overview of a Proxmox cluster',
  description:
    'Says how a Proxmox cluster is: version, quorum, nodes with their CPU and memory, counts of guests, storage, high availability. Values are about 10 seconds old.',
  operation: 'monitor',
  input: z.strictObject({}),
  output: overview,
  async run(call) {
    const notes: string[] = [];
    const [release, all, cluster, ha] = await Promise.all([
      call.get('/version', version),
      call.get('/cluster/resources', resources),
      permitted(call, '/cluster/status', clusterStatus, notes),
      permitted(call, '/cluster/ha/status/current', haStatus, notes),
    ]);
    const whole = cluster?.find((entry) => entry.type === 'cluster');
    const addresses = new Map(cluster?.filter((entry) => entry.type === 'node').map((entry) => [entry.name, entry.ip]));
    const structured = {
      server: call.server,
      version: release.version,
      cluster: whole?.name,
      quorate: whole?.quorate,
      nodes: all.filter((one) => one.type === 'node').map((one) => nodeOf(one, addresses)),
      guests: { qemu: count(all, 'qemu'), lxc: count(all, 'lxc') },
      storage_bytes: storageOf(all),
      ha: ha
        ?.filter((entry) => entry.type === 'service')
        .map(({ sid, state, status, node }) => ({ sid: sid ?? 'unknown', state: state ?? status ?? 'unknown', node })),
      notes,
    };
    return { structured, text: describe(structured) };
  },
});

function nodeOf(one: Resource, addresses: ReadonlyMap<string, string | undefined>) {
  const name = one.node ?? one.id;
  return {
    name,
    status: one.status ?? 'unknown',
    ip: addresses.get(name),
    cpus: one.maxcpu,
    cpu_usage: one.cpu,
    memory_bytes: usageOf(one.mem, one.maxmem),
    uptime_seconds: one.uptime,
  };
}

function count(all: readonly Resource[], type: 'qemu' | 'lxc'): z.output<typeof counts> {
  const guests = all.filter((one) => one.type === type);
  const templates = guests.filter((one) => one.template).length;
  const running = guests.filter((one) => one.status === 'running').length;
  const stopped = guests.filter((one) => one.status === 'stopped' && !one.template).length;
  return { total: guests.length, running, stopped, templates };
}

function storageOf(all: readonly Resource[]): { used: number; total: number } {
  const storages = new Map<string, Resource>();
  for (const one of all) {
    if (one.type === 'storage') storages.set(one.shared ? (one.storage ?? one.id) : one.id, one);
  }
  let used = 0;
  let total = 0;
  for (const one of storages.values()) {
    used += one.disk ?? 0;
    total += one.maxdisk ?? 0;
  }
  return { used, total };
}

function describe(it: Overview): string {
  const name = it.cluster ? `cluster "${it.cluster}"` : 'a single node';
  const quorum = it.quorate === undefined ? '' : it.quorate ? ', quorate' : ', NOT quorate';
  const { qemu, lxc } = it.guests;
  return [
    `${it.server}: ${name}, Proxmox VE ${it.version}${quorum}`,
    ...it.nodes.map(nodeLine),
    `Virtual machines: ${qemu.running} running, ${qemu.stopped} stopped, ${qemu.templates} templates`,
    `Containers: ${lxc.running} running, ${lxc.stopped} stopped, ${lxc.templates} templates`,
    `Storage: ${bytes(it.storage_bytes.used ?? 0)} of ${bytes(it.storage_bytes.total ?? 0)} used`,
    ...it.notes,
  ].join('\n');
}

function nodeLine(node: Overview['nodes'][number]): string {
  const parts = [`Node ${node.name} ${node.status}`];
  if (node.cpu_usage !== undefined) parts.push(`CPU ${percent(node.cpu_usage)} of ${node.cpus ?? '?'}`);
  const { used, total } = node.memory_bytes ?? {};
  if (used !== undefined && total) parts.push(`memory ${bytes(used)} of ${bytes(total)}`);
  return parts.join(', ');
}
