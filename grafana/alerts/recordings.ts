import type { Group, Recording } from './alert.ts';
import { ADDED_SECONDS, START_SECONDS, WINDOWS } from './objectives.ts';
import { FILE_FAILS, MEMORY_FULL } from './redis-refuses.ts';

/**
 * Calls of tools that count: not those that were wrong (`client`), came too late (`session_over`), were too many (`throttled`, which
 * `McpQueueFull` and the owner's own limits are about) or were given up by the client (`cancelled`). What the server said, an error
 * too (`tool_error`, `rpc_error`), was brought to the client and is good.
 */
const COUNTED = 'mcp_tool_calls_total{error_type!~"client|session_over|throttled|cancelled"}';
/** Those of them that fail the client through a fault of ours. A server that dies in a call is one: running it is our part. */
const FAILED = 'mcp_tool_calls_total{error_type=~"unavailable|outcome_unknown|internal"}';

const availability: Recording[] = WINDOWS.flatMap((window) => [
  { record: `mcp:tool_calls:rate${window}`, expression: `sum(rate(${COUNTED}[${window}]))` },
  { record: `mcp:tool_calls_failed:rate${window}`, expression: `sum(rate(${FAILED}[${window}]))` },
  {
    record: `mcp:tool_calls:error_ratio_rate${window}`,
    expression: `mcp:tool_calls_failed:rate${window} / (mcp:tool_calls:rate${window} > 0)`,
  },
]);

const latency: Recording[] = WINDOWS.flatMap((window) => [
  { record: `mcp:added_time:rate${window}`, expression: `sum(rate(mcp_gateway_added_seconds_count[${window}]))` },
  {
    record: `mcp:added_time_slow:rate${window}`,
    expression: `mcp:added_time:rate${window} - sum(rate(mcp_gateway_added_seconds_bucket{le="${ADDED_SECONDS}"}[${window}]))`,
  },
  {
    record: `mcp:added_time:slow_ratio_rate${window}`,
    expression: `mcp:added_time_slow:rate${window} / (mcp:added_time:rate${window} > 0)`,
  },
]);

const continuity: Recording[] = (['1h', '1d'] as const).map((window) => ({
  record: `mcp:session_continuity:lost_ratio_rate${window}`,
  expression: `sum(rate(mcp_session_lookups_total{result="lost"}[${window}])) / (sum(rate(mcp_session_lookups_total{result=~"alive|lost"}[${window}])) > 0)`,
}));

const starts: Recording[] = (['1h', '1d'] as const).map((window) => ({
  record: `mcp:start_time:slow_ratio_rate${window}`,
  expression: `1 - sum by (server) (rate(mcp_instance_start_duration_seconds_bucket{le="${START_SECONDS}"}[${window}])) / (sum by (server) (rate(mcp_instance_start_duration_seconds_count[${window}])) > 0)`,
}));

const state: Recording[] = [
  // For a minute nobody has reached the store, or it has taken nothing: a restart of Redis is none.
  { record: 'mcp:store:down', expression: 'max(max_over_time(mcp_store_up[1m])) == bool 0' },
  { record: 'mcp:store:refuses', expression: `count(${MEMORY_FULL} or ${FILE_FAILS}) or vector(0)` },
  // What an outage of the store brings with it pages nobody again: states while it lasts, rates until their windows have passed it.
  { record: 'mcp:store:down_lately', expression: 'max_over_time(mcp:store:down[10m])' },
  {
    record: 'mcp:runtime:down_lately',
    expression: 'sum(increase(mcp_controller_reconcile_errors_total{reason="runtime"}[5m])) > bool 1',
  },
  { record: 'mcp:replicas:ready', expression: 'sum(mcp_gateway_ready)', labels: { job: 'gateway' } },
  { record: 'mcp:replicas:ready', expression: 'sum by (job) (up{job=~"controller|egress"})' },
  // Three quarters of the last two hours: neither one that is missing nor one too many during a rolling restart changes it.
  { record: 'mcp:replicas:usual', expression: 'floor(quantile_over_time(0.75, mcp:replicas:ready[2h]))' },
];

/** In this order: the later ones read the earlier. */
export const RECORDINGS: readonly Group<Recording>[] = [
  { name: 'mcp-state', rules: state },
  { name: 'mcp-slo-availability', rules: availability },
  { name: 'mcp-slo-latency', rules: latency },
  { name: 'mcp-slo-sessions', rules: [...continuity, ...starts] },
];
