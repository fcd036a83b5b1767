import { is, rises, series, type Value, type World } from './world.ts';

const MIB = 1024 * 1024;
/** Before everything began, in seconds. */
const STARTED = -36_000;

export const GATEWAYS = ['10.0.0.1:9464', '10.0.0.2:9464', '10.0.0.3:9464'] as const;
export const CONTROLLERS = ['10.0.0.5:9464', '10.0.0.6:9464'] as const;

const SERVERS = ['filesystem', 'proxmox'] as const;

type Rows = Readonly<Record<string, Value>>;

/** A deployment of three gateways and two controllers, in which people work and nothing is wrong. */
export function normal(): World {
  const world: World = new Map();
  for (const instance of GATEWAYS) add(world, { job: 'gateway', instance }, { ...process(), ...gateway() });
  CONTROLLERS.forEach((instance, index) => {
    add(world, { job: 'controller', instance }, { ...process(), ...controller(index === 0) });
  });
  add(world, { job: 'egress', instance: '10.0.0.7:9464' }, { ...process(), mcp_egress_connections: is(4) });
  add(world, { job: 'haproxy', instance: '10.0.0.8:8404' }, balancer());
  add(world, { job: 'redis', instance: '10.0.0.9:9121' }, redis());
  return world;
}

/** Adds the series of one target: `name` or `name{labels}` -> value. */
export function add(world: World, target: Readonly<Record<string, string>>, rows: Rows): void {
  const common = series('', target).slice(1, -1);
  for (const [row, value] of Object.entries(rows)) {
    const [name, labels] = row.split(/\{|\}/);
    world.set(`${name}{${labels ? `${labels},` : ''}${common}}`, value);
  }
}

export const process = (): Rows => ({
  up: is(1),
  process_start_time_seconds: is(STARTED),
  // garbage collection: up and down by 40 MiB, every ten minutes
  process_resident_memory_bytes: (at) => (160 + (40 * (at % 600)) / 600) * MIB,
  nodejs_eventloop_lag_p99_seconds: (at) => (at % 900 === 0 ? 0.2 : 0.012),
});

const CALLS: Readonly<Record<string, number>> = {
  '': 20,
  tool_error: 2,
  rpc_error: 1,
  client: 1,
  session_over: 0.5,
  throttled: 0.2,
  cancelled: 0.5,
  unavailable: 0,
  outcome_unknown: 0,
  internal: 0,
};

export const gateway = (): Rows => ({
  mcp_gateway_ready: is(1),
  mcp_store_up: is(1),
  mcp_session_lost_total: is(0),
  'mcp_session_lookups_total{result="alive"}': rises(25),
  'mcp_session_lookups_total{result="over"}': rises(0.5),
  'mcp_session_lookups_total{result="lost"}': is(0),
  ...Object.fromEntries(
    Object.entries(CALLS).map(([type, perMinute]) => [`mcp_tool_calls_total{error_type="${type}"}`, rises(perMinute)]),
  ),
  'mcp_gateway_added_seconds_bucket{le="0.025"}': rises(29.95),
  'mcp_gateway_added_seconds_bucket{le="+Inf"}': rises(30),
  mcp_gateway_added_seconds_count: rises(30),
  'mcp_gateway_held_total{outcome="served"}': rises(1),
  'mcp_gateway_held_total{outcome="timed_out"}': rises(0.01),
  mcp_gateway_stream_gaps_total: rises(0.01),
  'mcp_admin_logins_total{outcome="done"}': rises(0.2),
  'mcp_admin_logins_total{outcome="refused"}': rises(0.05),
  'mcp_admin_logins_total{outcome="throttled"}': is(0),
});

export const controller = (inCharge: boolean): Rows => ({
  mcp_controller_lease_held: is(inCharge ? 1 : 0),
  mcp_store_up: is(1),
  mcp_controller_last_reconcile_timestamp_seconds: (at) => (inCharge ? at - 5 : 0),
  'mcp_controller_reconcile_errors_total{reason="store"}': is(0),
  'mcp_controller_reconcile_errors_total{reason="runtime"}': is(0),
  'mcp_runtime_unavailable_total{reason="disk"}': is(0),
  'mcp_runtime_unavailable_total{reason="image"}': is(0),
  mcp_orphans: (at) => (inCharge && at % 600 === 0 ? 1 : 0),
  mcp_instance_running: is(inCharge ? 600 : 0),
  mcp_instance_capacity: is(1000),
  mcp_instance_queue: (at) => (inCharge && at % 300 === 0 ? 12 : 0),
  mcp_instance_queue_limit: is(200),
  mcp_instance_queue_rejected_total: is(0),
  ...Object.assign({}, ...(inCharge ? SERVERS : []).map(serverOf)),
});

const serverOf = (server: string): Rows => ({
  [`mcp_instance_starts_total{server="${server}",outcome="ready"}`]: rises(2),
  [`mcp_instance_starts_total{server="${server}",outcome="failed"}`]: rises(0.02),
  [`mcp_instance_starts_total{server="${server}",outcome="unavailable"}`]: is(0),
  // terminals that have exported nothing for it
  [`mcp_instance_starts_total{server="${server}",outcome="unconfigured"}`]: rises(5),
  [`mcp_instance_start_duration_seconds_bucket{server="${server}",le="1"}`]: rises(1.8),
  [`mcp_instance_start_duration_seconds_bucket{server="${server}",le="5"}`]: rises(1.95),
  [`mcp_instance_start_duration_seconds_bucket{server="${server}",le="30"}`]: rises(2),
  [`mcp_instance_start_duration_seconds_bucket{server="${server}",le="+Inf"}`]: rises(2),
  [`mcp_instance_start_duration_seconds_count{server="${server}"}`]: rises(2),
  [`mcp_instance_restarts_total{server="${server}"}`]: rises(0.02),
  [`mcp_host_child_exits_total{server="${server}"}`]: rises(0.02),
  [`mcp_instance_circuits_open{server="${server}"}`]: is(0),
  [`mcp_host_circuits_open{server="${server}"}`]: is(0),
  [`mcp_certificate_expiry_timestamp_seconds{server="${server}"}`]: is(90 * 86_400),
});

/** Places of `server-template`: three are taken, seven have no address. */
const PLACES = Array.from({ length: 10 }, (_, index) => `gateway${index + 1}`);

export const balancer = (): Rows => ({
  up: is(1),
  'haproxy_backend_active_servers{proxy="gateways"}': is(3),
  'haproxy_backend_active_servers{proxy="gateways_last"}': is(3),
  ...Object.fromEntries(
    PLACES.flatMap((server, index) =>
      (['UP', 'DOWN', 'MAINT', 'DRAIN'] as const).map((state) => [
        `haproxy_server_status{proxy="gateways",server="${server}",state="${state}"}`,
        is(state === (index < 3 ? 'UP' : 'MAINT') ? 1 : 0),
      ]),
    ),
  ),
});

export const redis = (): Rows => ({
  up: is(1),
  redis_up: is(1),
  redis_memory_used_bytes: is(64 * MIB),
  redis_memory_max_bytes: is(256 * MIB),
  redis_evicted_keys_total: is(0),
  redis_aof_last_write_status: is(1),
  redis_aof_last_bgrewrite_status: is(1),
  redis_connected_slaves: is(1),
  redis_master_link_up: is(1),
});
