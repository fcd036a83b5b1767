import { FAILED, faultsOf, OPERATIONS, OPERATIONS_COUNT, PROXMOX_CALLS, TOOL_CALLS } from '../calls.ts';
import { bars, lines, stacked } from '../kit/charts.ts';
import { events, highest, inCharge, perSecond, quantile, query } from '../kit/query.ts';
import { notAbove } from '../kit/thresholds.ts';
import { CHOSEN } from './chosen.ts';

export const starts = [
  bars(1, 'Starts by outcome', {
    shows:
      'Starts of instances that came to an end: ready, failed by the server, or nothing could be started (image, engine).',
    well: 'All ready.',
    otherwise:
      'failed: the server’s log. unavailable: image missing, disk full or engine down; `mcp-session-manager doctor` says which.',
    size: [12, 8],
    unit: 'short',
    queries: [query(events('mcp_instance_starts_total', 'outcome', CHOSEN), '{{outcome}}')],
  }),
  lines(2, 'Time to start', {
    shows: 'From the decision to start an instance until it was ready: p95 of each server, p50 of all.',
    well: 'p95 below 5 s.',
    otherwise: 'All slow: the machine has too much to do, or many start at once. One alone: its own start.',
    size: [12, 8],
    unit: 's',
    thresholds: notAbove(5),
    queries: [
      query(quantile(0.5, 'mcp_instance_start_duration_seconds', '', CHOSEN), 'p50'),
      query(highest(0.95, 'mcp_instance_start_duration_seconds', 'server', CHOSEN), '{{server}} p95'),
    ],
  }),
  bars(3, 'Restarts and ends of servers', {
    shows: 'Instances that ended by themselves and had to be started again, and MCP servers that ended within theirs.',
    well: 'Hardly any.',
    otherwise: 'Again and again: a crash loop. Its log, then memory (Largest instance) and what its release changed.',
    size: [8, 8],
    unit: 'short',
    queries: [
      query(`${events('mcp_instance_restarts_total', 'server', CHOSEN)} > 0`, '{{server}}: instance'),
      query(`${events('mcp_host_child_exits_total', 'server', CHOSEN)} > 0`, '{{server}}: program'),
    ],
  }),
  stacked(4, 'Circuits open', {
    shows:
      'Servers of sessions, and MCP servers within their instances, that are not started for a while because they failed too often.',
    well: 'None.',
    otherwise:
      'Its calls fail at once. Mend the cause (log, configuration of the session), then `mcp-session-manager restart SERVER`.',
    size: [8, 8],
    unit: 'short',
    decimals: 0,
    queries: [
      query(`${inCharge('mcp_instance_circuits_open', 'server', CHOSEN)} > 0`, '{{server}}: instance'),
      query(`${inCharge('mcp_host_circuits_open', 'server', CHOSEN)} > 0`, '{{server}}: program'),
    ],
  }),
  bars(114, 'What the runtime lacked', {
    shows:
      'Times that instances could not be started, stopped or listed, by what was missing: the engine, an image, room on the disk.',
    well: 'None.',
    otherwise:
      'It is no fault of the servers. engine: is Docker up? image: pull or build it. disk: make room. Starts are tried again by themselves.',
    size: [8, 8],
    unit: 'short',
    queries: [query(`${events('mcp_runtime_unavailable_total', 'reason')} > 0`, '{{reason}}')],
  }),
];

export const tools = [
  lines(102, 'Tools that fail', {
    shows: 'The eight tools whose calls fail most often through the server or what it asks, per second.',
    well: 'Near 0.',
    otherwise: 'pve_ tools: Proxmox itself, its certificate or permissions (Proxmox below). Others: the server’s log.',
    size: [8, 8],
    unit: 'reqps',
    queries: [
      query(
        `topk(8, ${perSecond(OPERATIONS_COUNT, 'gen_ai_tool_name', `${TOOL_CALLS}, ${faultsOf('server')}`)} > 0)`,
        '{{gen_ai_tool_name}}',
      ),
    ],
  }),
  lines(103, 'Slowest tools', {
    shows: 'p95 of the eight slowest tools.',
    well: 'What is usual for each of them; backups and migrations take minutes.',
    otherwise: 'All tools of one server: its instances lack processor or memory, or what it asks is slow.',
    size: [8, 8],
    unit: 's',
    queries: [query(highest(0.95, OPERATIONS, 'gen_ai_tool_name', TOOL_CALLS), '{{gen_ai_tool_name}}')],
  }),
  stacked(104, 'Proxmox: calls by outcome', {
    shows: 'Calls of the tools for Proxmox per second, those that were answered and those that failed.',
    well: 'Nearly all answered.',
    otherwise:
      'rpc_error and tool_error: ask pve_health_report and pve_whoami; look at Certificates and at the egress below.',
    size: [8, 8],
    unit: 'reqps',
    queries: [
      query(perSecond(OPERATIONS_COUNT, '', `${PROXMOX_CALLS}, error_type=""`), 'answered'),
      query(perSecond(OPERATIONS_COUNT, 'error_type', `${PROXMOX_CALLS}, ${FAILED}`), '{{error_type}}'),
    ],
  }),
];

export const use = [
  stacked(105, 'Processor by server', {
    shows: 'Processor time of instances with everything that they started; 100 % is one core.',
    well: 'Well below the cores of the machine.',
    otherwise: 'One server alone: which session? `mcp-session-manager sessions --json` has the processor time of each.',
    size: [8, 8],
    unit: 'percentunit',
    queries: [query(`topk(8, ${perSecond('mcp_host_cpu_seconds_total', 'server', CHOSEN)})`, '{{server}}')],
  }),
  stacked(106, 'Memory by server', {
    shows: 'Memory of all instances of each server.',
    well: 'Grows with the number of instances and falls with it.',
    otherwise: 'Grows without more instances: a leak in that server; Largest instance says whether it is one alone.',
    size: [8, 8],
    unit: 'bytes',
    queries: [query(`topk(8, ${inCharge('mcp_host_memory_bytes', 'server', CHOSEN)})`, '{{server}}')],
  }),
  lines(107, 'Largest instance', {
    shows: 'Memory of the largest instance of each server.',
    well: 'Well below the limit of a container.',
    otherwise:
      'At the limit it is killed and started again: raise the limit in the catalogue, or find out what it was asked.',
    size: [8, 8],
    unit: 'bytes',
    queries: [query(`topk(8, ${inCharge('mcp_host_memory_max_bytes', 'server', CHOSEN)})`, '{{server}}')],
  }),
  stacked(108, 'Logs of channels', {
    shows: 'Bytes that hosts keep so that clients can go on where they left, by server.',
    well: 'Some MiB; bounded for each channel.',
    otherwise: 'Grows for long: a server that says very much to clients that do not listen. Gaps follow (Sessions).',
    size: [8, 8],
    unit: 'bytes',
    queries: [query(inCharge('mcp_host_log_bytes', 'server', CHOSEN), '{{server}}')],
  }),
  stacked(109, 'Channels', {
    shows: 'Conversations that hosts hold: one for each connection and server.',
    well: 'Follows the number of connections.',
    otherwise: 'Far more than connections: clients that open new ones without closing the old; see Sessions.',
    size: [8, 8],
    unit: 'short',
    decimals: 0,
    queries: [query(inCharge('mcp_host_channels', 'server', CHOSEN), '{{server}}')],
  }),
  bars(110, 'Hosts that did not answer the controller', {
    shows: 'Hosts that did not say how they are when the controller asked.',
    well: 'None, or one while it ends.',
    otherwise: 'The figures of that server are too low meanwhile. Many: the machine is overloaded.',
    size: [8, 8],
    unit: 'short',
    queries: [query(`${events('mcp_host_scrapes_failed_total', 'server', CHOSEN)} > 0`, '{{server}}')],
  }),
];
