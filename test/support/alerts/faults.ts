import type { Alert } from '../../../grafana/alerts/alert.ts';
import { CONTROLLERS, GATEWAYS } from './normal.ts';
import { after, change, gone, is, rises, risesSince, type Value, type World } from './world.ts';

/** What goes wrong in a world that was well, and what the alert then says. */
export interface Fault {
  readonly what: string;
  readonly happens: (world: World) => void;
  /** When the alert is looked at, seconds. */
  readonly at: number;
  /** Labels of the series, besides the alert's own. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly summary: string;
  /** Alerts that fire with it; no others do. */
  readonly also?: readonly Alert['name'][];
}

/** All is well for half an hour. */
export const FROM = 1800;
const MINUTES = 60;
const HOURS = 3600;
const MIB = 1024 * 1024;

const since =
  (value: Value) =>
  (before: Value): Value =>
    after(FROM, value, before);
const frozen =
  (before: Value): Value =>
  (seconds) =>
    before(Math.min(seconds, FROM));
const faster = (perMinute: number, before = 0) => since(risesSince(FROM, perMinute, before));

const unready = (world: World) => {
  change(world, ['mcp_gateway_ready'], since(is(0)));
  change(world, ['haproxy_backend_active_servers{proxy="gateways"'], since(is(0)));
  for (const server of ['gateway1', 'gateway2', 'gateway3']) down(world, server);
};

function down(world: World, server: string): void {
  change(world, ['haproxy_server_status', `server="${server}"`, '"UP"'], since(is(0)));
  change(world, ['haproxy_server_status', `server="${server}"`, '"DOWN"'], since(is(1)));
}

function targetGone(world: World, instance: string): void {
  change(world, [`instance="${instance}"`], since(gone));
}

/** Redis answers, and takes nothing: the lease is lost, too. */
function unwritable(world: World): void {
  change(world, ['mcp_store_up'], since(is(0)));
  change(world, ['mcp_controller_lease_held'], since(is(0)));
  change(world, ['mcp_controller_last_reconcile_timestamp_seconds'], frozen);
}

/** No start succeeds any more; those of `servers` cannot be tried, for want of `reason`. */
function lacks(world: World, reason: string, servers: readonly string[]): void {
  change(world, ['mcp_instance_starts_total', '"ready"'], frozen);
  for (const server of servers)
    change(world, [`mcp_instance_starts_total{server="${server}"`, '"unavailable"', CONTROLLERS[0]], faster(1));
  change(world, [`mcp_runtime_unavailable_total{reason="${reason}"`, CONTROLLERS[0]], faster(servers.length));
}

export const FAULTS: Readonly<Record<string, readonly Fault[]>> = {
  McpAvailabilityBurnFast: [
    {
      what: 'four calls in a hundred fail',
      happens: (world) => change(world, ['error_type="internal"'], () => risesSince(FROM, 1)),
      at: FROM + 40 * MINUTES,
      summary: '2.817% of tool calls fail by our fault',
      also: ['McpAvailabilityBurnSlow'],
    },
  ],
  McpAvailabilityBurnSlow: [
    {
      what: 'one call in two hundred fails, for hours',
      happens: (world) => change(world, ['error_type="outcome_unknown"'], () => rises(0.12)),
      at: 4 * HOURS,
      summary: '0.519% of tool calls fail by our fault, for a day or longer',
    },
  ],
  McpLatencyBurnFast: [
    {
      what: 'a third of the requests is slow',
      happens: (world) => change(world, ['mcp_gateway_added_seconds_bucket', 'le="0.025"'], faster(20, 29.95)),
      at: FROM + 65 * MINUTES,
      summary: 'Gateways add 25 ms or more to 33.33% of requests',
      also: ['McpLatencyBurnSlow'],
    },
  ],
  McpLatencyBurnSlow: [
    {
      what: 'one request in twenty is slow, for hours',
      happens: (world) => change(world, ['mcp_gateway_added_seconds_bucket', 'le="0.025"'], () => rises(28.5)),
      at: 2 * HOURS,
      summary: 'Gateways add 25 ms or more to 5% of requests, for a day or longer',
    },
  ],
  McpNoReplicaReady: [
    {
      what: 'no gateway says that it is ready',
      happens: unready,
      at: FROM + 6 * MINUTES,
      summary: 'No gateway is ready: nobody can work',
      also: ['McpReplicaMissing', 'McpBalancerBackendDown'],
    },
    {
      what: 'all gateways are gone',
      happens(world) {
        for (const instance of GATEWAYS) targetGone(world, instance);
        change(world, ['haproxy_backend_active_servers'], since(is(0)));
      },
      at: FROM + 5 * MINUTES,
      summary: 'No gateway is ready: nobody can work',
      also: ['McpReplicaMissing'],
    },
  ],
  McpReplicaMissing: [
    {
      what: 'one of three gateways is gone',
      happens: (world) => targetGone(world, GATEWAYS[2]),
      at: FROM + 10 * MINUTES,
      labels: { job: 'gateway' },
      summary: 'Only 2 of gateway left',
    },
    {
      what: 'one of two controllers is gone',
      happens: (world) => targetGone(world, CONTROLLERS[1]),
      at: FROM + 10 * MINUTES,
      labels: { job: 'controller' },
      summary: 'Only 1 of controller left',
    },
    {
      what: 'the only egress proxy is gone',
      happens: (world) => targetGone(world, '10.0.0.7:9464'),
      at: FROM + 8 * MINUTES,
      labels: { job: 'egress' },
      summary: 'Only 0 of egress left',
    },
  ],
  McpSessionLost: [
    {
      what: 'one living session is answered with 404',
      happens: (world) => change(world, ['mcp_session_lost_total', GATEWAYS[0]], since(is(1))),
      at: FROM + MINUTES,
      summary: 'A session that nobody ended was answered with 404',
    },
  ],
  McpHeldRequestsTimingOut: [
    {
      what: 'requests wait in vain',
      happens: (world) => change(world, ['mcp_gateway_held_total', '"timed_out"', GATEWAYS[0]], faster(2)),
      at: FROM + 10 * MINUTES,
      summary: '20 requests waited for their server in vain within 10 minutes',
    },
  ],
  McpStreamGaps: [
    {
      what: 'clients come back too late',
      happens: (world) => change(world, ['mcp_gateway_stream_gaps_total', GATEWAYS[0]], faster(1)),
      at: FROM + 10 * MINUTES,
      summary: '11 streams could not go on where their clients had left them, within 30 minutes',
    },
  ],
  McpLoginFailures: [
    {
      what: 'somebody guesses passwords',
      happens: (world) => change(world, ['mcp_admin_logins_total', '"refused"', GATEWAYS[0]], faster(6.1, 0.05)),
      at: FROM + 20 * MINUTES,
      summary: '93 logins failed within 15 minutes',
    },
  ],
  McpEventLoopLag: [
    {
      what: 'a gateway has too much to do',
      happens: (world) => change(world, ['nodejs_eventloop_lag_p99_seconds', GATEWAYS[1]], since(is(0.35))),
      at: FROM + 15 * MINUTES,
      labels: { job: 'gateway', instance: GATEWAYS[1] },
      summary: `gateway ${GATEWAYS[1]} is late by 350ms`,
    },
  ],
  McpMemoryGrowth: [
    {
      what: 'a gateway leaks',
      happens: (world) =>
        change(world, ['process_resident_memory_bytes', GATEWAYS[0]], () => (at) => (600 + (40 * at) / HOURS) * MIB),
      at: 4 * HOURS,
      labels: { job: 'gateway', instance: GATEWAYS[0] },
      summary: `Memory of gateway ${GATEWAYS[0]} grows by 960MiB a day`,
    },
  ],
  McpRedisDown: [
    {
      what: 'Redis is stopped, and all that this brings with it',
      happens(world) {
        unready(world);
        change(world, ['mcp_store_up'], since(is(0)));
        change(world, ['mcp_controller_lease_held'], since(is(0)));
        change(world, ['mcp_controller_last_reconcile_timestamp_seconds'], frozen);
        change(world, ['"timed_out"'], faster(5));
        change(world, ['error_type="unavailable"'], faster(2));
        for (const metric of ['redis_memory', 'redis_evicted', 'redis_aof', 'redis_connected', 'redis_master'])
          change(world, [metric], since(gone));
        change(world, ['redis_up'], since(is(0)));
      },
      at: FROM + 20 * MINUTES,
      summary: 'For a minute nobody could use Redis: no new session, no new connection',
    },
    {
      what: 'Redis refuses to write and does not say why',
      happens: unwritable,
      at: FROM + 5 * MINUTES,
      summary: 'For a minute nobody could use Redis: no new session, no new connection',
    },
  ],
  McpRedisMemoryHigh: [
    {
      what: 'memory fills',
      happens: (world) => change(world, ['redis_memory_used_bytes'], since(is(220 * MIB))),
      at: FROM + 12 * MINUTES,
      labels: { job: 'redis', instance: '10.0.0.9:9121' },
      summary: 'Redis uses 85.94% of its memory',
    },
  ],
  McpRedisMemoryFull: [
    {
      what: 'memory is full',
      happens: (world) => change(world, ['redis_memory_used_bytes'], since(is(250 * MIB))),
      at: FROM + 12 * MINUTES,
      labels: { job: 'redis', instance: '10.0.0.9:9121' },
      summary: 'Redis uses 97.66% of its memory: soon it refuses to write',
      also: ['McpRedisMemoryHigh'],
    },
    {
      what: 'no memory is left: nothing can be written',
      happens(world) {
        change(world, ['redis_memory_used_bytes'], since(is(256 * MIB)));
        unwritable(world);
      },
      at: FROM + 12 * MINUTES,
      labels: { job: 'redis', instance: '10.0.0.9:9121' },
      summary: 'Redis uses 100% of its memory: soon it refuses to write',
      also: ['McpRedisMemoryHigh'],
    },
  ],
  McpRedisEvictions: [
    {
      what: 'somebody has set another maxmemory-policy',
      happens: (world) => change(world, ['redis_evicted_keys_total'], faster(3)),
      at: FROM + 5 * MINUTES,
      summary: 'Redis has thrown away 15 keys',
    },
  ],
  McpRedisAofFailing: [
    {
      what: 'the disk of Redis is full: nothing can be written',
      happens(world) {
        change(world, ['redis_aof_last_write_status'], since(is(0)));
        unwritable(world);
      },
      at: FROM + 10 * MINUTES,
      labels: { job: 'redis', instance: '10.0.0.9:9121' },
      summary: 'Redis cannot write its append-only file, and refuses to write at all',
    },
  ],
  McpRedisAofRewriteFailing: [
    {
      what: 'a rewrite fails',
      happens: (world) => change(world, ['redis_aof_last_bgrewrite_status'], since(is(0))),
      at: FROM + 20 * MINUTES,
      labels: { job: 'redis', instance: '10.0.0.9:9121' },
      summary: 'Redis cannot make its append-only file smaller',
    },
  ],
  McpRedisReplication: [
    {
      what: 'the replica is gone',
      happens: (world) => change(world, ['redis_connected_slaves'], since(is(0))),
      at: FROM + 6 * MINUTES,
      summary: 'A replica of Redis does not follow',
    },
    {
      what: 'the replica has lost its primary',
      happens: (world) => change(world, ['redis_master_link_up'], since(is(0))),
      at: FROM + 6 * MINUTES,
      summary: 'A replica of Redis does not follow',
    },
  ],
  McpBalancerDown: [
    {
      what: 'HAProxy is gone',
      happens: (world) => targetGone(world, '10.0.0.8:8404'),
      at: FROM + 5 * MINUTES,
      summary: 'The balancer does not answer: nobody can work',
    },
  ],
  McpBalancerBackendDown: [
    {
      what: 'a gateway hangs',
      happens: (world) => down(world, 'gateway2'),
      at: FROM + 7 * MINUTES,
      labels: { server: 'gateway2' },
      summary: 'The balancer has taken gateway2 out',
    },
  ],
  McpNoControllerLease: [
    {
      what: 'no controller gets the lease',
      happens(world) {
        change(world, ['mcp_controller_lease_held'], since(is(0)));
        change(world, ['mcp_controller_last_reconcile_timestamp_seconds'], frozen);
      },
      at: FROM + 5 * MINUTES,
      summary: 'No controller is in charge: no server is started, stopped or replaced',
    },
    {
      what: 'all controllers are gone',
      happens(world) {
        for (const instance of CONTROLLERS) targetGone(world, instance);
      },
      at: FROM + 5 * MINUTES,
      summary: 'No controller is in charge: no server is started, stopped or replaced',
      also: ['McpReplicaMissing'],
    },
  ],
  McpReconcileStalled: [
    {
      what: 'passes hang',
      happens: (world) => change(world, ['mcp_controller_last_reconcile_timestamp_seconds'], frozen),
      at: FROM + 5 * MINUTES,
      summary: 'The controller in charge has finished no pass for 5m 5s',
    },
  ],
  McpRuntimeUnavailable: [
    {
      what: 'the engine is down',
      happens(world) {
        change(world, ['mcp_controller_last_reconcile_timestamp_seconds'], frozen);
        change(world, ['mcp_controller_reconcile_errors_total', '"runtime"', CONTROLLERS[0]], faster(4));
        change(world, ['mcp_instance_starts_total'], frozen);
      },
      at: FROM + 10 * MINUTES,
      summary: 'No server can be started: the engine, its disk or the image',
    },
    {
      what: 'the disk is full, and nobody wants but one server',
      happens: (world) => lacks(world, 'disk', ['filesystem']),
      at: FROM + 12 * MINUTES,
      summary: 'No server can be started: the engine, its disk or the image',
    },
    {
      what: 'the image of all servers is missing',
      happens: (world) => lacks(world, 'image', ['filesystem', 'proxmox']),
      at: FROM + 12 * MINUTES,
      summary: 'No server can be started: the engine, its disk or the image',
    },
  ],
  McpOrphansGrowing: [
    {
      what: 'containers do not end',
      happens: (world) => change(world, ['mcp_orphans', CONTROLLERS[0]], since(is(3))),
      at: FROM + 20 * MINUTES,
      summary: '3 servers belong to no session and do not end',
    },
  ],
  McpCapacityNear: [
    {
      what: 'many sessions',
      happens: (world) => change(world, ['mcp_instance_running', CONTROLLERS[0]], since(is(900))),
      at: FROM + 20 * MINUTES,
      summary: '90% of the places for servers are taken',
    },
  ],
  McpQueueFull: [
    {
      what: 'more starts than places to wait',
      happens(world) {
        change(world, ['mcp_instance_running', CONTROLLERS[0]], since(is(1000)));
        change(world, ['mcp_instance_queue{', CONTROLLERS[0]], since(is(200)));
        change(world, ['mcp_instance_queue_rejected_total', CONTROLLERS[0]], faster(3));
      },
      at: FROM + 5 * MINUTES,
      summary: 'No place for servers, and no place to wait: clients are turned away with 429',
    },
  ],
  McpInstanceCrashLoop: [
    {
      what: 'containers end again and again',
      happens: (world) => change(world, ['mcp_instance_restarts_total{server="filesystem"'], faster(1)),
      at: FROM + 20 * MINUTES,
      labels: { server: 'filesystem' },
      summary: 'filesystem has ended by itself 15 times within 15 minutes',
    },
    {
      what: 'children end again and again',
      happens: (world) => change(world, ['mcp_host_child_exits_total{server="proxmox"'], faster(2)),
      at: FROM + 20 * MINUTES,
      labels: { server: 'proxmox' },
      summary: 'proxmox has ended by itself 30 times within 15 minutes',
    },
  ],
  McpStartSlow: [
    {
      what: 'half of the starts take longer than five seconds',
      happens(world) {
        change(world, ['duration_seconds_bucket{server="filesystem"', 'le="1"'], faster(0.1, 1.8));
        change(world, ['duration_seconds_bucket{server="filesystem"', 'le="5"'], faster(0.1, 1.95));
      },
      at: FROM + 40 * MINUTES,
      labels: { server: 'filesystem' },
      summary: 'One start of filesystem in ten takes 27.37s or longer',
    },
  ],
  McpStartFailing: [
    {
      what: 'a server does not come up any more',
      happens(world) {
        change(world, ['mcp_instance_starts_total{server="proxmox"', '"ready"'], frozen);
        change(world, ['mcp_instance_starts_total{server="proxmox"', '"failed"'], faster(1, 0.02));
      },
      at: FROM + 20 * MINUTES,
      labels: { server: 'proxmox' },
      summary: '100% of the starts of proxmox fail',
    },
    {
      what: 'the image of a server of its own is missing, and at night nobody starts another',
      happens: (world) => lacks(world, 'image', ['proxmox']),
      at: FROM + 40 * MINUTES,
      labels: { server: 'proxmox' },
      summary: '100% of the starts of proxmox fail',
    },
  ],
  McpCircuitOpen: [
    {
      what: 'instances are not started any more',
      happens: (world) => change(world, ['mcp_instance_circuits_open{server="proxmox"'], since(is(2))),
      at: FROM + 6 * MINUTES,
      labels: { server: 'proxmox' },
      summary: 'proxmox of 2 sessions is not started for a while: it failed too often',
    },
    {
      what: 'children are not started any more',
      happens: (world) => change(world, ['mcp_host_circuits_open{server="filesystem"'], since(is(1))),
      at: FROM + 6 * MINUTES,
      labels: { server: 'filesystem' },
      summary: 'filesystem of 1 sessions is not started for a while: it failed too often',
    },
  ],
  McpCertificateNearExpiry: [
    {
      what: 'ten days are left',
      happens: (world) =>
        change(world, ['mcp_certificate_expiry_timestamp_seconds{server="proxmox"'], () => is(10 * 86_400)),
      at: FROM,
      labels: { server: 'proxmox' },
      summary: 'A certificate that proxmox is shown runs out in 9d 23h 30m 0s',
    },
  ],
  McpTargetMissing: [
    {
      what: 'the egress proxy hangs',
      happens(world) {
        change(world, ['job="egress"'], since(gone));
        change(world, ['up{job="egress"'], () => after(FROM, is(0), is(1)));
      },
      at: FROM + 7 * MINUTES,
      labels: { job: 'egress', instance: '10.0.0.7:9464' },
      summary: 'egress 10.0.0.7:9464 does not answer Prometheus',
      also: ['McpReplicaMissing'],
    },
  ],
  McpMetricsAbsent: [
    {
      what: 'the egress proxy is gone',
      happens: (world) => targetGone(world, '10.0.0.7:9464'),
      at: FROM + 15 * MINUTES,
      labels: { job: 'egress' },
      summary: 'There are no metrics of egress',
      also: ['McpReplicaMissing'],
    },
  ],
};
