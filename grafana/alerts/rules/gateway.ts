import type { Alert } from '../alert.ts';
import { STORE_IS_UP } from './store-is-up.ts';

const PROCESSES = '{job=~"gateway|controller|egress"}';

/** What clients meet, and the processes themselves. */
export const GATEWAY_ALERTS: readonly Alert[] = [
  {
    name: 'McpNoReplicaReady',
    severity: 'page',
    expression: `(max(haproxy_backend_active_servers{proxy="gateways"}) == 0 or sum(mcp_gateway_ready) == 0 or absent(mcp_gateway_ready)) ${STORE_IS_UP}`,
    for: '2m',
    summary: 'No gateway is ready: nobody can work',
    description:
      'The balancer has no gateway that takes work, or no gateway says that it does, or none answers Prometheus; and the store is not the reason.',
    panel: ['mcp-overview', 5],
  },
  {
    name: 'McpReplicaMissing',
    severity: 'ticket',
    expression: `((mcp:replicas:ready or 0 * mcp:replicas:usual) < mcp:replicas:usual or (mcp:replicas:ready{job="gateway"} < 2 and max_over_time(mcp:replicas:ready{job="gateway"}[1d]) > 1)) ${STORE_IS_UP}`,
    for: '5m',
    summary: 'Only {value} of {label:job} left',
    description:
      'Fewer replicas are ready than for most of the last two hours, or one gateway where there were more within a day. Work goes on; the next fault may stop it.',
    panel: ['mcp-overview', 5],
  },
  {
    name: 'McpSessionLost',
    severity: 'page',
    expression: 'sum(increase(mcp_session_lost_total[10m])) > 0',
    for: '0s',
    summary: 'A session that nobody ended was answered with 404',
    description:
      'The promise of this program is broken for somebody: their client has lost its servers and what they held.',
    panel: ['mcp-sessions', 1],
  },
  {
    name: 'McpHeldRequestsTimingOut',
    severity: 'ticket',
    expression: `sum(increase(mcp_gateway_held_total{outcome="timed_out"}[10m])) >= 5 unless on () (mcp:store:down_lately == 1)`,
    for: '0s',
    summary: '{value|number} requests waited for their server in vain within 10 minutes',
    description: 'Servers are not started or found again within holdDeadline: clients were answered with 503.',
    panel: ['mcp-sessions', 2],
  },
  {
    name: 'McpStreamGaps',
    severity: 'ticket',
    expression: 'sum(increase(mcp_gateway_stream_gaps_total[30m])) >= 5',
    for: '0s',
    summary: '{value|number} streams could not go on where their clients had left them, within 30 minutes',
    description:
      'What came next is no longer kept by the host: logs of channels are too small for what servers say, or clients stay away too long.',
    panel: ['mcp-sessions', 3],
  },
  {
    name: 'McpLoginFailures',
    severity: 'ticket',
    expression: 'sum(increase(mcp_admin_logins_total{outcome=~"refused|throttled"}[15m])) >= 20',
    for: '0s',
    summary: '{value|number} logins failed within 15 minutes',
    description:
      'Somebody guesses passwords of the admin API, or a script has an old one. Ten failures bar an account for five minutes.',
    panel: ['mcp-sessions', 4],
  },
  {
    name: 'McpEventLoopLag',
    severity: 'ticket',
    expression: `max by (job, instance) (nodejs_eventloop_lag_p99_seconds${PROCESSES}) > 0.1`,
    for: '10m',
    summary: '{label:job} {label:instance} is late by {value|duration}',
    description: 'The process has more to do than one processor can: everything that goes through it waits.',
    panel: ['mcp-replica', 1],
  },
  {
    name: 'McpMemoryGrowth',
    severity: 'ticket',
    expression: `deriv(process_resident_memory_bytes${PROCESSES}[3h]) * 86400 > 536870912 and process_resident_memory_bytes > 536870912 and on (job, instance) (time() - process_start_time_seconds > 14400)`,
    for: '30m',
    summary: 'Memory of {label:job} {label:instance} grows by {value|bytes} a day',
    description:
      'It uses more than 512 MiB and has grown steadily for three hours: it will be killed when the machine has no more.',
    panel: ['mcp-replica', 2],
  },
];
