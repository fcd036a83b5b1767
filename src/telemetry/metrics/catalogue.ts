import { INSTANCE_STATES } from '../../core/controller-meter.ts';
import { EGRESS_REASONS, type EgressReason } from '../../core/egress.ts';
import type { MetricDefinition, MetricRole } from './definition.ts';
import { ERROR_TYPES, METHODS, REVISIONS } from './operation-labels.ts';

/**
 * Every metric that the program's own processes show at `/metrics`, in one place: what makes them, docs/metrics.md, the alerts,
 * the dashboards and their tests read this table and nothing else.
 *
 * Names follow Prometheus's conventions: base units, `_total` for counters, the unit as suffix. What OpenTelemetry's
 * conventions for MCP name is named as they do, in the form that its Prometheus exporter gives
 * (https://opentelemetry.io/docs/specs/semconv/gen-ai/mcp/). A label never holds an id, an owner, an address or a text:
 * its values are those listed here, or bounded by the catalogue of servers.
 */

const ALL: readonly MetricRole[] = ['gateway', 'controller', 'egress'];
const GATEWAY: readonly MetricRole[] = ['gateway'];
const CONTROLLER: readonly MetricRole[] = ['controller'];
const EGRESS: readonly MetricRole[] = ['egress'];
const BOTH: readonly MetricRole[] = ['gateway', 'controller'];

/** From 1 ms: a relayed call takes 2 to 5. */
const CALL_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];
const ADDED_SECONDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1];
const STORE_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1];
const START_SECONDS = [0.1, 0.25, 0.5, 1, 2, 3, 5, 8, 15, 30, 60];
const PASS_SECONDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const LIFE_SECONDS = [60, 300, 900, 1800, 3600, 2 * 3600, 4 * 3600, 8 * 3600, 12 * 3600, 24 * 3600];

export const METRICS = {
  // Every process
  mcp_build_info: {
    type: 'gauge',
    help: '1, with the version of the program and of Node, and the role of the process',
    roles: ALL,
    labels: { version: 'version', node: 'version', role: ['gateway', 'controller', 'serve', 'egress'] },
  },

  // Gateway: sessions and connections
  mcp_gateway_sessions: {
    type: 'gauge',
    help: 'Sessions that this replica has served lately and keeps in its cache',
    roles: GATEWAY,
  },
  mcp_gateway_connections: {
    type: 'gauge',
    help: 'Connections of MCP clients that this replica has served lately and keeps in its cache',
    roles: GATEWAY,
  },
  mcp_gateway_ready: {
    type: 'gauge',
    help: '1 while /readyz says that new work may come here, 0 while the replica drains or has no store',
    roles: GATEWAY,
  },
  mcp_gateway_draining: {
    type: 'gauge',
    help: '1 from the moment in which the replica was asked to end',
    roles: GATEWAY,
  },
  mcp_sessions_created_total: {
    type: 'counter',
    help: 'Sessions made; one that a terminal found again does not count',
    roles: GATEWAY,
  },
  mcp_sessions_resumed_total: {
    type: 'counter',
    help: 'Times that a terminal found its session again',
    roles: GATEWAY,
  },
  mcp_sessions_ended_total: {
    type: 'counter',
    help: 'Sessions that are over, by reason: by their owner, an administrator, the end of their terminal, or a deadline',
    roles: BOTH,
    labels: { reason: ['owner', 'admin', 'terminal', 'cleanup', 'expired', 'other'] },
  },
  mcp_session_lifetime_seconds: {
    type: 'histogram',
    help: 'How long sessions lived, observed at their end, seconds',
    roles: BOTH,
    buckets: LIFE_SECONDS,
  },
  mcp_session_lost_total: {
    type: 'counter',
    help: 'Requests with a valid token, within the age of its session, of a session that nobody ended and that is gone: never, if all is well',
    roles: GATEWAY,
  },
  mcp_session_lookups_total: {
    type: 'counter',
    help: 'Requests that named a session, by what was found: it lives, it is over, or it is lost',
    roles: GATEWAY,
    labels: { result: ['alive', 'over', 'lost', 'unknown'] },
  },
  mcp_connections_opened_total: {
    type: 'counter',
    help: 'Connections of MCP clients that were opened, by protocol revision',
    roles: GATEWAY,
    labels: { mcp_protocol_version: REVISIONS },
  },
  mcp_connections_failed_total: {
    type: 'counter',
    help: 'Connections of MCP clients that could not be opened, by reason',
    roles: GATEWAY,
    labels: { reason: [...ERROR_TYPES] },
  },

  // Gateway: calls
  mcp_server_operation_duration_seconds: {
    type: 'histogram',
    help: 'From the arrival of a request of MCP, its body included, to its answer, seconds (OpenTelemetry: mcp.server.operation.duration)',
    roles: GATEWAY,
    labels: {
      mcp_method_name: METHODS,
      gen_ai_tool_name: 'tool',
      error_type: ['', ...ERROR_TYPES],
      mcp_protocol_version: REVISIONS,
    },
    buckets: CALL_SECONDS,
  },
  mcp_tool_calls_total: {
    type: 'counter',
    help: 'Calls of tools, by what became of them: the promise of availability is reckoned by it',
    roles: GATEWAY,
    labels: { error_type: ['', ...ERROR_TYPES] },
  },
  mcp_gateway_added_seconds: {
    type: 'histogram',
    help: 'Time of a request in the gateway itself, on both ways, without that of the host and of held requests, seconds',
    roles: GATEWAY,
    buckets: ADDED_SECONDS,
  },
  mcp_gateway_held_requests: {
    type: 'gauge',
    help: 'Requests that wait for their server to be started or found again, or for the store',
    roles: GATEWAY,
  },
  mcp_gateway_held_total: {
    type: 'counter',
    help: 'Requests that had to wait, by how that ended: served, timed out at the deadline, failed, or given up by the client',
    roles: GATEWAY,
    labels: { outcome: ['served', 'timed_out', 'failed', 'gone'] },
  },
  mcp_gateway_streams: {
    type: 'gauge',
    help: 'Streams of events that are open, by kind: an answer, or what a client listens to',
    roles: GATEWAY,
    labels: { kind: ['answer', 'standalone', 'sse', 'subscription'] },
  },
  mcp_gateway_streams_resumed_total: {
    type: 'counter',
    help: 'Streams that a client came back to: they went on where it had left them, or there was a gap',
    roles: GATEWAY,
  },
  mcp_gateway_stream_gaps_total: {
    type: 'counter',
    help: 'Streams that could not go on because what came next is no longer kept: the client was told so',
    roles: GATEWAY,
  },
  mcp_gateway_links: { type: 'gauge', help: 'Links to hosts that stand', roles: GATEWAY },
  mcp_gateway_links_lost_total: { type: 'counter', help: 'Links to hosts that broke while in use', roles: GATEWAY },
  mcp_gateway_cache_total: {
    type: 'counter',
    help: 'Looks for a session in the local cache, by result',
    roles: GATEWAY,
    labels: { result: ['hit', 'miss'] },
  },
  mcp_admin_logins_total: {
    type: 'counter',
    help: 'Logins of people, by outcome',
    roles: GATEWAY,
    labels: { outcome: ['done', 'refused', 'throttled'] },
  },

  // Store
  mcp_store_operation_duration_seconds: {
    type: 'histogram',
    help: 'Time of one operation of the session store, failed ones included, seconds',
    roles: BOTH,
    labels: { operation: ['read', 'write', 'list', 'touch', 'connection'] },
    buckets: STORE_SECONDS,
  },
  mcp_store_errors_total: {
    type: 'counter',
    help: 'Operations of the session store that failed, by reason',
    roles: BOTH,
    labels: { reason: ['unavailable', 'emptied', 'other'] },
  },
  mcp_store_up: {
    type: 'gauge',
    help: '1 if the store answered its last operation, and took what this process last wrote of itself',
    roles: BOTH,
  },

  // Controller
  mcp_controller_lease_held: { type: 'gauge', help: '1 in the controller in charge', roles: CONTROLLER },
  mcp_controller_epoch: { type: 'gauge', help: 'Epoch of the lease that is held; 0 without one', roles: CONTROLLER },
  mcp_controller_reconcile_duration_seconds: {
    type: 'histogram',
    help: 'Time of one complete pass of the controller over all sessions and instances, seconds',
    roles: CONTROLLER,
    buckets: PASS_SECONDS,
  },
  mcp_controller_reconcile_errors_total: {
    type: 'counter',
    help: 'Passes that failed, by what was out of reach',
    roles: CONTROLLER,
    labels: { reason: ['store', 'runtime', 'lease', 'other'] },
  },
  mcp_controller_last_reconcile_timestamp_seconds: {
    type: 'gauge',
    help: 'When the last pass succeeded, seconds since the epoch; 0 if none has',
    roles: CONTROLLER,
  },
  mcp_controller_sessions: {
    type: 'gauge',
    help: 'Sessions that are alive in the whole deployment',
    roles: CONTROLLER,
  },
  mcp_instances: {
    type: 'gauge',
    help: 'Instances that are wanted in the whole deployment, by server and state; unconfigured: the terminal has set nothing for it',
    roles: CONTROLLER,
    labels: { server: 'server', state: INSTANCE_STATES },
  },
  mcp_instance_starts_total: {
    type: 'counter',
    help: 'Starts of instances that came to an end, by outcome: ready, failed by the server, nothing could be started (image, runtime), or the terminal has set nothing for it',
    roles: CONTROLLER,
    labels: { server: 'server', outcome: ['ready', 'failed', 'unavailable', 'unconfigured'] },
  },
  mcp_runtime_unavailable_total: {
    type: 'counter',
    help: 'Times that instances could not be started, stopped or listed, by what the runtime was in want of; Docker never pulls images here',
    roles: CONTROLLER,
    labels: {
      reason: [
        ...['engine', 'image', 'disk', 'egress'],
        ...['cluster', 'permission', 'quota', 'namespace', 'room', 'workspace', 'node'],
        'other',
      ],
    },
  },
  mcp_instance_start_duration_seconds: {
    type: 'histogram',
    help: 'From the decision to start an instance until it was ready, seconds',
    roles: CONTROLLER,
    labels: { server: 'server' },
    buckets: START_SECONDS,
  },
  mcp_instance_restarts_total: {
    type: 'counter',
    help: 'Instances that ended by themselves and had to be started again',
    roles: CONTROLLER,
    labels: { server: 'server' },
  },
  mcp_instance_circuits_open: {
    type: 'gauge',
    help: 'Servers of sessions that are not started for a while because they failed too often',
    roles: CONTROLLER,
    labels: { server: 'server' },
  },
  mcp_orphans_found_total: {
    type: 'counter',
    help: 'Instances found that no session wants any more; those of a session that has just expired are among them',
    roles: CONTROLLER,
  },
  mcp_orphans_removed_total: { type: 'counter', help: 'Orphans that were ended', roles: CONTROLLER },
  mcp_orphans: {
    type: 'gauge',
    help: 'Orphans that the last pass found and that should have ended by then',
    roles: CONTROLLER,
  },
  mcp_instance_queue: { type: 'gauge', help: 'Instances that wait for a place', roles: CONTROLLER },
  mcp_instance_queue_limit: { type: 'gauge', help: 'How many may wait (startQueue)', roles: CONTROLLER },
  mcp_instance_queue_rejected_total: {
    type: 'counter',
    help: 'Times that the queue was full: for an instance, or for a new session, which is refused then',
    roles: BOTH,
  },
  mcp_instance_capacity: { type: 'gauge', help: 'How many instances may run at once', roles: CONTROLLER },
  mcp_instance_running: { type: 'gauge', help: 'Instances that take a place', roles: CONTROLLER },

  // Hosts, summed up over all instances of a server by the controller
  mcp_host_scrapes_failed_total: {
    type: 'counter',
    help: 'Hosts that did not say how they are when the controller asked',
    roles: CONTROLLER,
    labels: { server: 'server' },
  },
  mcp_host_child_exits_total: {
    type: 'counter',
    help: 'MCP servers that ended by themselves within their instance',
    roles: CONTROLLER,
    labels: { server: 'server' },
  },
  mcp_host_channels: {
    type: 'gauge',
    help: 'Channels that hosts hold: one for each connection and server',
    roles: CONTROLLER,
    labels: { server: 'server' },
  },
  mcp_host_log_bytes: {
    type: 'gauge',
    help: 'Bytes in the logs of all channels, from which clients go on',
    roles: CONTROLLER,
    labels: { server: 'server' },
  },
  mcp_host_circuits_open: {
    type: 'gauge',
    help: 'Instances whose MCP server is not started for a while because it failed too often',
    roles: CONTROLLER,
    labels: { server: 'server' },
  },
  mcp_host_replays_total: {
    type: 'counter',
    help: 'Requests that came again with a key that was known: attached to the first one, not run a second time',
    roles: CONTROLLER,
    labels: { server: 'server' },
  },
  mcp_host_cpu_seconds_total: {
    type: 'counter',
    help: 'Processor time of instances with everything that they started, seconds',
    roles: CONTROLLER,
    labels: { server: 'server' },
  },
  mcp_host_memory_bytes: {
    type: 'gauge',
    help: 'Memory of instances with everything that they started, bytes',
    roles: CONTROLLER,
    labels: { server: 'server' },
  },
  mcp_host_memory_max_bytes: {
    type: 'gauge',
    help: 'Memory of the largest instance, bytes',
    roles: CONTROLLER,
    labels: { server: 'server' },
  },
  mcp_certificate_expiry_timestamp_seconds: {
    type: 'gauge',
    help: 'When the first certificate runs out that instances of this server were shown, seconds since the epoch',
    roles: CONTROLLER,
    labels: { server: 'server' },
    sparse: true,
  },

  // Egress
  mcp_egress_connections: { type: 'gauge', help: 'Connections that stand', roles: EGRESS },
  mcp_egress_connections_total: { type: 'counter', help: 'Connections made for instances', roles: EGRESS },
  mcp_egress_sent_bytes_total: {
    type: 'counter',
    help: 'Bytes from instances, of connections that have ended',
    roles: EGRESS,
  },
  mcp_egress_received_bytes_total: {
    type: 'counter',
    help: 'Bytes to instances, of connections that have ended',
    roles: EGRESS,
  },
  mcp_egress_refused_total: {
    type: 'counter',
    help: 'Connections that were asked for and not made, by reason',
    roles: EGRESS,
    labels: { reason: Object.keys(EGRESS_REASONS) as EgressReason[] },
  },
} as const satisfies Readonly<Record<string, MetricDefinition>>;

export type MetricName = keyof typeof METRICS;
