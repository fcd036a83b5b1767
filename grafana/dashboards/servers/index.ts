import { board } from '../kit/board.ts';
import { lines, stat } from '../kit/charts.ts';
import { events, inCharge, inRange, query } from '../kit/query.ts';
import { table } from '../kit/tables.ts';
import { highIsBad, notAbove } from '../kit/thresholds.ts';
import { CHOSEN, server } from './chosen.ts';
import { control, out } from './control.ts';
import { starts, tools, use } from './work.ts';

const first = [
  stat(100, 'Instances now', {
    shows: 'Running servers of all sessions, by state.',
    well: 'Ready or idle. Starting and pending for seconds only.',
    otherwise:
      'failed: Servers, one by one says which; its log says why: `mcp-session-manager logs SERVER --session ID`.',
    size: [8, 6],
    unit: 'short',
    decimals: 0,
    queries: ['ready', 'idle', 'starting', 'pending', 'failed'].map((state) =>
      query(`sum(${inCharge('mcp_instances', 'server, state', `state="${state}"`)})`, state),
    ),
  }),
  lines(6, 'Capacity', {
    shows: 'Instances that take a place, against how many may run at once.',
    well: 'Below 85 % of the limit.',
    otherwise: 'Near it: starts will wait. Raise the limit if memory allows (Memory by server), or end idle sessions.',
    size: [8, 6],
    unit: 'percentunit',
    max: 1,
    thresholds: highIsBad(0.85, 1),
    queries: [
      query(`${inCharge('mcp_instance_running', '')} / ${inCharge('mcp_instance_capacity', '')}`, 'places taken'),
    ],
  }),
  lines(7, 'Queue', {
    shows: 'Starts that wait for a place, how many may wait, and those that found the queue full.',
    well: '0.',
    otherwise: 'Each one is somebody who waits; at the limit they get 429. See Capacity.',
    size: [8, 6],
    unit: 'short',
    decimals: 0,
    queries: [
      query(inCharge('mcp_instance_queue', ''), 'waiting'),
      query(inCharge('mcp_instance_queue_limit', ''), 'limit'),
      query(events('mcp_instance_queue_rejected_total', ''), 'turned away'),
    ],
  }),
  table(101, 'Servers, one by one', {
    shows: 'Each server of the catalogue as it is now; starts and ends are of the range that is shown.',
    well: 'No figure in yellow or red.',
    otherwise:
      'failed or a circuit: read its log. Restarts: does it run out of memory (Largest)? Slow starts: Time to start.',
    size: [24, 8],
    rows: 'server',
    columns: [
      ...['ready', 'idle', 'starting', 'pending'].map((state) => ({
        title: state,
        expr: inCharge('mcp_instances', 'server', `state="${state}", ${CHOSEN}`),
        unit: 'short' as const,
      })),
      {
        title: 'failed',
        expr: inCharge('mcp_instances', 'server', `state="failed", ${CHOSEN}`),
        unit: 'short',
        thresholds: notAbove(1),
      },
      {
        title: 'circuits open',
        expr: inCharge('mcp_instance_circuits_open', 'server', CHOSEN),
        unit: 'short',
        thresholds: notAbove(1),
      },
      {
        title: 'starts failed',
        expr: `round(${inRange('mcp_instance_starts_total', 'server', `outcome=~"failed|unavailable", ${CHOSEN}`)})`,
        unit: 'short',
        thresholds: highIsBad(1, 5),
      },
      {
        title: 'restarts',
        expr: `round(${inRange('mcp_instance_restarts_total', 'server', CHOSEN)})`,
        unit: 'short',
        thresholds: highIsBad(1, 5),
      },
      {
        title: 'start p95',
        expr: `histogram_quantile(0.95, ${inRange('mcp_instance_start_duration_seconds_bucket', 'le, server', CHOSEN)}) > 0`,
        unit: 's',
        thresholds: highIsBad(3, 5),
      },
      {
        title: 'processor',
        expr: `sum by (server) (rate(mcp_host_cpu_seconds_total{${CHOSEN}}[5m]))`,
        unit: 'percentunit',
      },
      { title: 'memory', expr: inCharge('mcp_host_memory_bytes', 'server', CHOSEN), unit: 'bytes' },
      { title: 'largest', expr: inCharge('mcp_host_memory_max_bytes', 'server', CHOSEN), unit: 'bytes' },
    ],
  }),
];

/** Servers of the catalogue, their instances, and the controller that starts and ends them. */
export const servers = board({
  uid: 'mcp-servers',
  title: 'MCP sessions: servers and containers',
  description: 'Whether servers start, stay up and answer; what they use; and whether the controller does its work.',
  from: 'now-6h',
  variables: [server],
  sections: [
    { panels: first },
    { title: 'Starts and ends', panels: starts },
    { title: 'Tools', panels: tools },
    { title: 'What they use', panels: use },
    { title: 'Controller', panels: control },
    { title: 'The way out', panels: out },
  ],
});
