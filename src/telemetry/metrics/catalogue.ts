import { INSTANCE_STATES } from '../../core/controller-meter.ts';
import { EGRESS_REASONS, type EgressReason } from '../../core/egress.ts';
import { counter, gauge, histogram, type MetricDefinition, type MetricRole } from './definition.ts';
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
  mcp_build_info: gauge(ALL, '1, with the version of the program and of Node, and the role of the process', {
    version: 'version',
    node: 'version',
    role: ['gateway', 'controller', 'serve', 'egress'],
  }),

  // Gateway: sessions and connections
  mcp_gateway_sessions: gauge(GATEWAY, 'Sessions that this replica has served lately and keeps in its cache'),
  mcp_gateway_connections: gauge(
    GATEWAY,
    'Connections of MCP clients that this replica has served lately and keeps in its cache',
  ),
  mcp_gateway_ready: gauge(
    GATEWAY,
    '1 while /readyz says that new work may come here, 0 while the replica drains or has no store',
  ),
  mcp_gateway_draining: gauge(GATEWAY, '1 from the moment in which the replica was asked to end'),
  mcp_sessions_created_total: counter(GATEWAY, 'Sessions made; one that a terminal found again does not count'),
  mcp_sessions_resumed_total: counter(GATEWAY, 'Times that a terminal found its session again'),
  mcp_sessions_ended_total: counter(
    BOTH,
    'Sessions that are over, by reason: by their owner, an administrator, the end of their terminal, or a deadline',
    { reason: ['owner', 'admin', 'terminal', 'cleanup', 'expired', 'other'] },
  ),
  mcp_session_lifetime_seconds: histogram(
    BOTH,
    'How long sessions lived, observed at their end, seconds',
    LIFE_SECONDS,
  ),
  mcp_session_lost_total: counter(
    GATEWAY,
    'Requests with a valid token, within the age of its session, of a session that nobody ended and that is gone: never, if all is well',
  ),
  mcp_session_lookups_total: counter(
    GATEWAY,
    'Requests that named a session, by what was found: it lives, it is over, or it is lost',
    { result: ['alive', 'over', 'lost', 'unknown'] },
  ),
  mcp_connections_opened_total: counter(GATEWAY, 'Connections of MCP clients that were opened, by protocol revision', {
    mcp_protocol_version: REVISIONS,
  }),
  mcp_connections_failed_total: counter(GATEWAY, 'Connections of MCP clients that could not be opened, by reason', {
    reason: [...ERROR_TYPES],
  }),

  // Gateway: calls
  mcp_server_operation_duration_seconds: histogram(
    GATEWAY,
    'From the arrival of a request of MCP, its body included, to its answer, seconds (OpenTelemetry: mcp.server.operation.duration)',
    CALL_SECONDS,
    {
      mcp_method_name: METHODS,
      gen_ai_tool_name: 'tool',
      error_type: ['', ...ERROR_TYPES],
      mcp_protocol_version: REVISIONS,
    },
  ),
  mcp_tool_calls_total: counter(
    GATEWAY,
    'Calls of tools, by what became of them: the promise of availability is reckoned by it',
    { error_type: ['', ...ERROR_TYPES] },
  ),
  mcp_gateway_added_seconds: histogram(
    GATEWAY,
    "Time of a request in the gateway itself, on both ways, its wait for the event loop included; without the host's and that of held requests, seconds",
    ADDED_SECONDS,
  ),
  mcp_gateway_held_requests: gauge(
    GATEWAY,
    'Requests that wait for their server to be started or found again, or for the store',
  ),
  mcp_gateway_held_total: counter(
    GATEWAY,
    'Requests that had to wait, by how that ended: served, timed out at the deadline, failed, or given up by the client',
    { outcome: ['served', 'timed_out', 'failed', 'gone'] },
  ),
  mcp_gateway_streams: gauge(
    GATEWAY,
    'Streams of events that are open, by kind: an answer, or what a client listens to',
    { kind: ['answer', 'standalone', 'sse', 'subscription'] },
  ),
  mcp_gateway_streams_resumed_total: counter(
    GATEWAY,
    'Streams that a client came back to: they went on where it had left them, or there was a gap',
  ),
  mcp_gateway_stream_gaps_total: counter(
    GATEWAY,
    'Streams that could not go on because what came next is no longer kept: the client was told so',
  ),
  mcp_gateway_links: gauge(GATEWAY, 'Links to hosts that stand'),
  mcp_gateway_links_lost_total: counter(GATEWAY, 'Links to hosts that broke while in use'),
  mcp_gateway_cache_total: counter(GATEWAY, 'Looks for a session in the local cache, by result', {
    result: ['hit', 'miss'],
  }),
  mcp_admin_logins_total: counter(GATEWAY, 'Logins of people, by outcome', {
    outcome: ['done', 'refused', 'throttled'],
  }),

  // Store
  mcp_store_operation_duration_seconds: histogram(
    BOTH,
    'Time of one operation of the session store, failed ones included, seconds',
    STORE_SECONDS,
    { operation: ['read', 'write', 'list', 'touch', 'connection'] },
  ),
  mcp_store_errors_total: counter(BOTH, 'Operations of the session store that failed, by reason', {
    reason: ['unavailable', 'emptied', 'other'],
  }),
  mcp_store_up: gauge(
    BOTH,
    '1 if the store answered its last operation, and took what this process last wrote of itself',
  ),

  // Controller
  mcp_controller_lease_held: gauge(CONTROLLER, '1 in the controller in charge'),
  mcp_controller_epoch: gauge(CONTROLLER, 'Epoch of the lease that is held; 0 without one'),
  mcp_controller_reconcile_duration_seconds: histogram(
    CONTROLLER,
    'Time of one complete pass of the controller over all sessions and instances, seconds',
    PASS_SECONDS,
  ),
  mcp_controller_reconcile_errors_total: counter(CONTROLLER, 'Passes that failed, by what was out of reach', {
    reason: ['store', 'runtime', 'lease', 'other'],
  }),
  mcp_controller_last_reconcile_timestamp_seconds: gauge(
    CONTROLLER,
    'When the last pass succeeded, seconds since the epoch; 0 if none has',
  ),
  mcp_controller_sessions: gauge(CONTROLLER, 'Sessions that are alive in the whole deployment'),
  mcp_instances: gauge(
    CONTROLLER,
    'Instances that are wanted in the whole deployment, by server and state; unconfigured: the terminal has set nothing for it',
    { server: 'server', state: INSTANCE_STATES },
  ),
  mcp_instance_starts_total: counter(
    CONTROLLER,
    'Starts of instances that came to an end, by outcome: ready, failed by the server, nothing could be started (image, runtime), or the terminal has set nothing for it',
    { server: 'server', outcome: ['ready', 'failed', 'unavailable', 'unconfigured'] },
  ),
  mcp_runtime_unavailable_total: counter(
    CONTROLLER,
    'Times that instances could not be started, stopped or listed, by what the runtime was in want of; Docker never pulls images here',
    {
      reason: [
        'engine',
        'image',
        'disk',
        'egress',
        'cluster',
        'permission',
        'quota',
        'namespace',
        'room',
        'workspace',
        'node',
        'other',
      ],
    },
  ),
  mcp_instance_start_duration_seconds: histogram(
    CONTROLLER,
    'From the decision to start an instance until it was ready, seconds',
    START_SECONDS,
    { server: 'server' },
  ),
  mcp_instance_restarts_total: counter(CONTROLLER, 'Instances that ended by themselves and had to be started again', {
    server: 'server',
  }),
  mcp_instance_circuits_open: gauge(
    CONTROLLER,
    'Servers of sessions that are not started for a while because they failed too often',
    { server: 'server' },
  ),
  mcp_orphans_found_total: counter(
    CONTROLLER,
    'Instances found that no session wants any more; those of a session that has just expired are among them',
  ),
  mcp_orphans_removed_total: counter(CONTROLLER, 'Orphans that were ended'),
  mcp_orphans: gauge(CONTROLLER, 'Orphans that the last pass found and that should have ended by then'),
  mcp_instance_queue: gauge(CONTROLLER, 'Instances that wait for a place'),
  mcp_instance_queue_limit: gauge(CONTROLLER, 'How many may wait (startQueue)'),
  mcp_instance_queue_rejected_total: counter(
    BOTH,
    'Times that the queue was full: for an instance, or for a new session, which is refused then',
  ),
  mcp_instance_capacity: gauge(CONTROLLER, 'How many instances may run at once'),
  mcp_instance_running: gauge(CONTROLLER, 'Instances that take a place'),

  // Hosts, summed up over all instances of a server by the controller
  mcp_host_scrapes_failed_total: counter(CONTROLLER, 'Hosts that did not say how they are when the controller asked', {
    server: 'server',
  }),
  mcp_host_child_exits_total: counter(CONTROLLER, 'MCP servers that ended by themselves within their instance', {
    server: 'server',
  }),
  mcp_host_channels: gauge(CONTROLLER, 'Channels that hosts hold: one for each connection and server', {
    server: 'server',
  }),
  mcp_host_log_bytes: gauge(CONTROLLER, 'Bytes in the logs of all channels, from which clients go on', {
    server: 'server',
  }),
  mcp_host_circuits_open: gauge(
    CONTROLLER,
    'Instances whose MCP server is not started for a while because it failed too often',
    { server: 'server' },
  ),
  mcp_host_replays_total: counter(
    CONTROLLER,
    'Requests that came again with a key that was known: attached to the first one, not run a second time',
    { server: 'server' },
  ),
  mcp_host_cpu_seconds_total: counter(
    CONTROLLER,
    'Processor time of instances with everything that they started, seconds',
    { server: 'server' },
  ),
  mcp_host_memory_bytes: gauge(CONTROLLER, 'Memory of instances with everything that they started, bytes', {
    server: 'server',
  }),
  mcp_host_memory_max_bytes: gauge(CONTROLLER, 'Memory of the largest instance, bytes', { server: 'server' }),
  mcp_certificate_expiry_timestamp_seconds: {
    ...gauge(
      CONTROLLER,
      'When the first certificate runs out that instances of this server were shown, seconds since the epoch',
      { server: 'server' },
    ),
    sparse: true,
  },

  // Egress
  mcp_egress_connections: gauge(EGRESS, 'Connections that stand'),
  mcp_egress_connections_total: counter(EGRESS, 'Connections made for instances'),
  mcp_egress_sent_bytes_total: counter(EGRESS, 'Bytes from instances, of connections that have ended'),
  mcp_egress_received_bytes_total: counter(EGRESS, 'Bytes to instances, of connections that have ended'),
  mcp_egress_refused_total: counter(EGRESS, 'Connections that were asked for and not made, by reason', {
    reason: Object.keys(EGRESS_REASONS) as EgressReason[],
  }),
} satisfies Readonly<Record<string, MetricDefinition>>;

export type MetricName = keyof typeof METRICS;
