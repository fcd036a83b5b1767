import type { Alert } from '../alert.ts';
import { STORE_IS_UP } from './store-is-up.ts';

/** Starts that could not even be tried, while none succeeded. */
const NONE_STARTS =
  'sum(increase(mcp_instance_starts_total{outcome="unavailable"}[10m])) >= 5 and sum(increase(mcp_instance_starts_total{outcome="ready"}[5m])) == 0';
/** What the runtime lacks for every server alike: an image, room or a volume one server alone may be in want of. */
const NOTHING_STARTS =
  'sum(increase(mcp_runtime_unavailable_total{reason=~"engine|disk|cluster|permission|namespace"}[10m])) >= 5';
const SEVERAL_SERVERS =
  'count(sum by (server) (increase(mcp_instance_starts_total{outcome="unavailable"}[10m])) >= 3) > 1';

/** What starts and stops servers. */
export const CONTROLLER_ALERTS: readonly Alert[] = [
  {
    name: 'McpNoControllerLease',
    severity: 'page',
    expression: `(max(mcp_controller_lease_held) == 0 or absent(mcp_controller_lease_held)) ${STORE_IS_UP}`,
    for: '2m',
    summary: 'No controller is in charge: no server is started, stopped or replaced',
    description: 'What runs goes on. New sessions get no servers, and a server that dies does not come back.',
    panel: ['mcp-servers', 9],
  },
  {
    name: 'McpReconcileStalled',
    severity: 'page',
    // Over some time: whoever has just taken over has finished none.
    expression: `time() - max(max_over_time(mcp_controller_last_reconcile_timestamp_seconds[10m])) > 120 and on () (max(mcp_controller_lease_held) == 1) unless on () (mcp:runtime:down_lately == 1) ${STORE_IS_UP}`,
    for: '1m',
    summary: 'The controller in charge has finished no pass for {value|duration}',
    description:
      'It hangs, or every pass fails, and neither Redis nor the engine is the reason. No server is started, stopped or replaced.',
    panel: ['mcp-servers', 10],
  },
  {
    name: 'McpRuntimeUnavailable',
    severity: 'page',
    expression: `((mcp:runtime:down_lately == 1 and on () (time() - max(mcp_controller_last_reconcile_timestamp_seconds) > 60)) or (${NONE_STARTS} and (${NOTHING_STARTS} or ${SEVERAL_SERVERS}))) ${STORE_IS_UP}`,
    for: '2m',
    summary: 'No server can be started: the engine, its disk or the image',
    description:
      'The engine does not answer or has no room, or several servers lack their image. What runs goes on; new sessions get no servers.',
    panel: ['mcp-servers', 11],
  },
  {
    name: 'McpOrphansGrowing',
    severity: 'ticket',
    expression: 'max(mcp_orphans) > 0',
    for: '15m',
    summary: '{value} servers belong to no session and do not end',
    description: 'The controller has tried to end them and could not. They take memory and places.',
    panel: ['mcp-servers', 5],
  },
  {
    name: 'McpCapacityNear',
    severity: 'ticket',
    expression: 'max(mcp_instance_running) / (max(mcp_instance_capacity) > 0) > 0.85',
    for: '15m',
    summary: '{value|percent} of the places for servers are taken',
    description: 'When all are taken servers that nobody uses are put to rest, then new ones wait.',
    panel: ['mcp-servers', 6],
  },
  {
    name: 'McpQueueFull',
    severity: 'page',
    expression:
      'sum(increase(mcp_instance_queue_rejected_total[10m])) >= 5 or (max(mcp_instance_queue) >= max(mcp_instance_queue_limit) and max(mcp_instance_queue_limit) > 0)',
    for: '2m',
    summary: 'No place for servers, and no place to wait: clients are turned away with 429',
    description: 'As many servers run as may, and as many wait as may.',
    panel: ['mcp-servers', 7],
  },
];
