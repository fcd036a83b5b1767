import { QueryVariableBuilder, VariableRefresh, VariableSort } from '@grafana/grafana-foundation-sdk/dashboard';
import { ANSWERED, CALLS, FAILED, OPERATIONS, TOOL_CALLS } from './calls.ts';
import { board } from './kit/board.ts';
import { bars, lines, stacked, stat } from './kit/charts.ts';
import { DATASOURCE } from './kit/panel.ts';
import { events, perSecond, quantiles, query } from './kit/query.ts';
import { IN_CHARGE, word, YES_OR_NO } from './kit/states.ts';
import { highIsBad, notAbove } from './kit/thresholds.ts';

const THIS = 'instance="$instance"';

const instance = new QueryVariableBuilder('instance')
  .label('Replica')
  .datasource(DATASOURCE)
  .query({ query: 'label_values(mcp_build_info, instance)', refId: 'instance' })
  .definition('label_values(mcp_build_info, instance)')
  .refresh(VariableRefresh.OnTimeRangeChanged)
  .sort(VariableSort.NaturalAsc);

const first = [
  stat(100, 'What it is', {
    shows: 'Role and version of this process, and the Node that it runs on.',
    well: 'The same version as the others.',
    otherwise: 'An older one: the roll-out stopped before it.',
    size: [8, 4],
    unit: 'none',
    text: 'name',
    queries: [query(`mcp_build_info{${THIS}}`, '{{role}} {{version}}, Node {{node}}')],
  }),
  stat(101, 'Running for', {
    shows: 'How long ago this process began.',
    well: 'Since the last roll-out.',
    otherwise: 'Shorter: it ended by itself; `docker compose logs` has the reason, blue marks show when.',
    size: [4, 4],
    unit: 's',
    queries: [query(`time() - process_start_time_seconds{${THIS}}`, 'running for')],
  }),
  word(102, 'Takes new work', {
    shows: 'What /readyz says, for a gateway.',
    well: 'Yes. No data: it is no gateway.',
    otherwise: 'It drains, or has no store: see Store and balancer, Store up.',
    size: [4, 4],
    words: YES_OR_NO,
    queries: [query(`mcp_gateway_ready{${THIS}}`, 'ready')],
  }),
  word(103, 'Asked to end', {
    shows: 'Whether this gateway was asked to end and finishes what it has begun.',
    well: 'No.',
    otherwise: 'For a minute after a roll-out it is well; for longer a stream does not end: see Open streams.',
    size: [4, 4],
    words: { 0: ['no', 'green'], 1: ['drains', 'yellow'] },
    queries: [query(`mcp_gateway_draining{${THIS}}`, 'draining')],
  }),
  word(104, 'Lease', {
    shows: 'Whether this controller is in charge.',
    well: 'One controller is, the others stand by. No data: it is no controller.',
    otherwise: 'See Servers, Controller in charge.',
    size: [4, 4],
    words: IN_CHARGE,
    queries: [query(`mcp_controller_lease_held{${THIS}}`, 'lease')],
  }),
];

const runs = [
  lines(1, 'Event loop lag', {
    shows: 'How late this process is with what it has to do. 10 ms is the resolution of the measurement, not a lag.',
    well: 'p99 below 50 ms.',
    otherwise:
      'Something keeps it busy: see Processor, Garbage collection, and what came at that time. Others too: add replicas.',
    size: [8, 8],
    unit: 's',
    thresholds: notAbove(0.1),
    queries: [
      query(`nodejs_eventloop_lag_p50_seconds{${THIS}}`, 'p50'),
      query(`nodejs_eventloop_lag_p99_seconds{${THIS}}`, 'p99'),
      query(`nodejs_eventloop_lag_max_seconds{${THIS}}`, 'highest'),
    ],
  }),
  lines(2, 'Resident memory', {
    shows: 'Memory of this process, and of it what JavaScript uses.',
    well: 'Goes up and down with the work.',
    otherwise: 'Up only, for hours: a leak. Take a heap snapshot, then replace the replica: sessions live on.',
    size: [8, 8],
    unit: 'bytes',
    queries: [
      query(`process_resident_memory_bytes{${THIS}}`, 'resident'),
      query(`nodejs_heap_size_used_bytes{${THIS}}`, 'heap in use'),
      query(`nodejs_external_memory_bytes{${THIS}}`, 'buffers'),
    ],
  }),
  stacked(105, 'Processor', {
    shows: 'Processor time of this process; 100 % is one core.',
    well: 'Below 70 %.',
    otherwise: 'Others alike: add replicas. It alone: one busy terminal; see Tool calls by outcome.',
    size: [8, 8],
    unit: 'percentunit',
    queries: [
      query(`rate(process_cpu_user_seconds_total{${THIS}}[$__rate_interval])`, 'user'),
      query(`rate(process_cpu_system_seconds_total{${THIS}}[$__rate_interval])`, 'system'),
    ],
  }),
  stacked(106, 'Garbage collection', {
    shows: 'The share of time that goes into collecting garbage, by kind.',
    well: 'Below 5 %.',
    otherwise: 'Much major: memory is near its limit. Much minor: very many or very large messages.',
    size: [8, 8],
    unit: 'percentunit',
    queries: [query(perSecond('nodejs_gc_duration_seconds_sum', 'kind', THIS), '{{kind}}')],
  }),
  lines(107, 'Open files and sockets', {
    shows: 'File descriptors in use, as a share of the limit.',
    well: 'Below 50 %.',
    otherwise:
      'Grows for ever: connections that are not closed. Near 100 % it accepts no more: replace the replica, raise ulimit.',
    size: [8, 8],
    unit: 'percentunit',
    thresholds: highIsBad(0.7, 0.9),
    queries: [query(`process_open_fds{${THIS}} / process_max_fds{${THIS}}`, 'in use')],
  }),
  stacked(108, 'What keeps it running', {
    shows: 'What Node waits for: sockets, timers, requests, by type.',
    well: 'Follows the number of clients and servers.',
    otherwise: 'One type that only grows: a leak of that type.',
    size: [8, 8],
    unit: 'short',
    decimals: 0,
    queries: [query(`topk(6, nodejs_active_resources{${THIS}})`, '{{type}}')],
  }),
];

const gateway = [
  stacked(109, 'Tool calls by outcome', {
    shows: 'Tool calls per second that this gateway answered, and those that failed.',
    well: 'Nearly all answered.',
    otherwise: 'Compare with Overview: if only this one fails, replace it; sessions live on.',
    size: [8, 8],
    unit: 'reqps',
    queries: [
      query(perSecond(CALLS, '', `${ANSWERED}, ${THIS}`), 'answered'),
      query(perSecond(CALLS, 'error_type', `${FAILED}, ${THIS}`), '{{error_type}}'),
    ],
  }),
  lines(110, 'Time of tool calls', {
    shows: 'How long tool calls take that come through this gateway.',
    well: 'As on the others.',
    otherwise: 'Only here: Event loop lag. Everywhere: Servers, Slowest tools.',
    size: [8, 8],
    unit: 's',
    queries: quantiles(OPERATIONS, `${TOOL_CALLS}, ${THIS}`),
  }),
  lines(111, 'Time added by the gateway', {
    shows: 'What a request spends in this gateway itself.',
    well: 'p99 below 25 ms.',
    otherwise: 'Event loop lag and Garbage collection say why.',
    size: [8, 8],
    unit: 's',
    thresholds: notAbove(0.025),
    queries: quantiles('mcp_gateway_added_seconds', THIS),
  }),
  lines(112, 'Sessions, connections, links', {
    shows: 'What this gateway keeps in its caches, and its links to hosts.',
    well: 'Much as on the others.',
    otherwise: 'None while others have many: the balancer does not use it, see Store and balancer.',
    size: [8, 8],
    unit: 'short',
    decimals: 0,
    queries: [
      query(`mcp_gateway_sessions{${THIS}}`, 'sessions'),
      query(`mcp_gateway_connections{${THIS}}`, 'connections'),
      query(`mcp_gateway_links{${THIS}}`, 'links'),
      query(`mcp_gateway_held_requests{${THIS}}`, 'requests that wait'),
    ],
  }),
  stacked(113, 'Open streams', {
    shows: 'Streams that are open at this gateway, by kind.',
    well: 'Falls to none when it drains.',
    otherwise: 'Some stay while it drains: it waits for a call that runs long.',
    size: [8, 8],
    unit: 'short',
    decimals: 0,
    queries: [query(`sum by (kind) (mcp_gateway_streams{${THIS}})`, '{{kind}}')],
  }),
  bars(114, 'What went wrong here', {
    shows: 'Links that broke, streams with a gap, requests that waited in vain, operations of the store that failed.',
    well: 'Empty.',
    otherwise: 'Each has a panel of its own: Sessions (links, gaps, waiting), Store and balancer (store).',
    size: [8, 8],
    unit: 'short',
    queries: [
      query(events('mcp_gateway_links_lost_total', '', THIS), 'links lost'),
      query(events('mcp_gateway_stream_gaps_total', '', THIS), 'gaps'),
      query(events('mcp_gateway_held_total', '', `outcome!="served", ${THIS}`), 'waited in vain'),
      query(events('mcp_store_errors_total', '', THIS), 'store errors'),
    ],
  }),
];

const others = [
  lines(115, 'Time of operations of the store', {
    shows: 'How long the store takes to answer this process.',
    well: 'p99 below 10 ms.',
    otherwise: 'Only here: the network between the two, or Event loop lag. Everywhere: Store and balancer.',
    size: [8, 8],
    unit: 's',
    thresholds: notAbove(0.1),
    queries: quantiles('mcp_store_operation_duration_seconds', THIS),
  }),
  lines(116, 'Time of a pass', {
    shows: 'How long a pass takes, for the controller in charge.',
    well: 'Well below a second. No data: it is not in charge.',
    otherwise: 'The engine or the store is slow; see Servers, Passes that failed.',
    size: [8, 8],
    unit: 's',
    queries: quantiles('mcp_controller_reconcile_duration_seconds', THIS),
  }),
  lines(117, 'Connections to the outside', {
    shows: 'Connections that stand through this egress proxy.',
    well: 'Follows the calls. No data: it is no egress proxy.',
    otherwise: 'See Servers, The way out.',
    size: [8, 8],
    unit: 'short',
    decimals: 0,
    queries: [query(`mcp_egress_connections{${THIS}}`, 'standing')],
  }),
];

/** One process of ours, whichever role it has. */
export const replica = board({
  uid: 'mcp-replica',
  title: 'MCP sessions: one replica',
  description: 'One process: what it is, whether it is well, what goes through it.',
  from: 'now-3h',
  variables: [instance],
  sections: [
    { panels: first },
    { title: 'How it runs', panels: runs },
    { title: 'As a gateway', panels: gateway },
    { title: 'Store, controller, egress', panels: others },
  ],
});
