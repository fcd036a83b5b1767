import * as z from 'zod';
import { record, records } from '../answers.ts';
import { nodeName } from '../guests.ts';
import { permitted } from '../permitted.ts';
import { route, withQuery } from '../route.ts';
import { defineTool, fromServer } from '../tool.ts';

const list = z.array(z.record(z.string(), z.unknown()));

/** `pve_node_status`: one node, from its processors to its certificates. */
export const nodeStatus = defineTool({
  name: 'pve_node_status',
  title: 'Status of a Proxmox node',
  description: 'One node: CPU, memory, kernel, services, disks with their health, pending updates, certificates.',
  operation: 'monitor',
  input: z.strictObject({ node: nodeName }),
  output: z.object({
    ...fromServer,
    node: z.string(),
    status: z.record(z.string(), z.unknown()),
    services: list.optional(),
    disks: list.optional(),
    updates: list.optional().describe('Packages that can be updated'),
    certificates: list.optional(),
    notes: z.array(z.string()).describe('What this login may not see'),
  }),
  async run(call, { node }) {
    const base = route`/nodes/${node}`;
    const notes: string[] = [];
    const status = await call.get(`${base}/status`, record);
    const [services, disks, updates, certificates] = await Promise.all(
      ['services', 'disks/list', 'apt/update', 'certificates/info'].map((what) =>
        permitted(call, `${base}/${what}`, records, notes),
      ),
    );
    const packages = updates?.map(({ Package, Version, OldVersion }) => ({ Package, Version, OldVersion }));
    const structured = { server: call.server, node, status, services, disks, updates: packages, certificates, notes };
    const down = services?.filter((one) => one.state !== 'running').map((one) => one.name) ?? [];
    const lines = [
      `Node ${node}: ${status.pveversion ?? 'Proxmox VE'}, load ${JSON.stringify(status.loadavg ?? [])}`,
      `${services?.length ?? '?'} services${down.length > 0 ? `, not running: ${down.join(', ')}` : ''}`,
      `${disks?.length ?? '?'} disks, ${updates?.length ?? '?'} updates, ${certificates?.length ?? '?'} certificates`,
      ...notes,
    ];
    return { structured, text: lines.join('\n') };
  },
});

const SOURCES = {
  syslog: { path: 'syslog', count: 'limit' },
  journal: { path: 'journal', count: 'lastentries' },
  firewall: { path: 'firewall/log', count: 'limit' },
} as const;
const entries = z.array(z.union([z.string(), z.looseObject({ t: z.string() })]));

/** `pve_node_logs`: the end of one of a node's logs, or of the cluster's. */
export const nodeLogs = defineTool({
  name: 'pve_node_logs',
  title: 'Logs of a Proxmox node',
  description: 'Lines of the system log, journal or firewall log of a node, or of the log of the cluster.',
  operation: 'monitor',
  input: z.strictObject({
    node: nodeName,
    source: z.enum(['syslog', 'journal', 'firewall', 'cluster']).default('syslog'),
    since: z.iso.datetime({ offset: true }).optional().describe('Only since then, ISO 8601'),
    limit: z.int().min(1).max(5000).default(200).describe('How many lines at most'),
  }),
  output: z.object({ ...fromServer, node: z.string(), source: z.string(), lines: z.array(z.string()) }),
  async run(call, { node, source, since, limit }) {
    const seconds = since === undefined ? undefined : Math.floor(Date.parse(since) / 1000);
    if (source === 'cluster') {
      const all = await call.get(`/cluster/log?max=${limit}`, records);
      const own = all.filter((one) => one.node === node && Number(one.time ?? 0) >= (seconds ?? 0));
      const lines = own.map((one) => `${isoOf(one.time)} ${one.user ?? ''} ${one.tag ?? ''}: ${one.msg ?? ''}`);
      return { structured: { server: call.server, node, source, lines }, text: lines.join('\n') };
    }
    const { path, count } = SOURCES[source];
    // The system log wants `YYYY-MM-DD HH:MM:SS` (PVE::API2::Nodes, syslog).
    const from = seconds !== undefined && source === 'syslog' ? isoOf(seconds).slice(0, 19).replace('T', ' ') : seconds;
    const query = withQuery(`${route`/nodes/${node}`}/${path}`, { [count]: limit, since: from });
    const found = await call.get(query, entries);
    const lines = found.map((one) => (typeof one === 'string' ? one : one.t)).slice(-limit);
    return { structured: { server: call.server, node, source, lines }, text: lines.join('\n') };
  },
});

const isoOf = (seconds: unknown): string => new Date(Number(seconds) * 1000).toISOString();

/** `pve_node_network`: interfaces, bridges and bonds. */
export const nodeNetwork = defineTool({
  name: 'pve_node_network',
  title: 'Network of a Proxmox node',
  description: 'Network interfaces of a node: bridges, bonds, VLANs, with addresses and whether they are active.',
  operation: 'monitor',
  input: z.strictObject({
    node: nodeName,
    type: z.enum(['bridge', 'bond', 'eth', 'alias', 'vlan', 'any_bridge']).optional().describe('Only this kind'),
  }),
  output: z.object({ ...fromServer, node: z.string(), interfaces: list }),
  async run(call, { node, type }) {
    const interfaces = await call.get(withQuery(route`/nodes/${node}/network`, { type }), records);
    const lines = interfaces.map((one) =>
      [one.iface, one.type, one.cidr ?? one.address, Number(one.active ?? 0) === 1 ? 'active' : 'not active']
        .filter(Boolean)
        .join(', '),
    );
    return { structured: { server: call.server, node, interfaces }, text: lines.join('\n') };
  },
});
