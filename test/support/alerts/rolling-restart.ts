import { add, CONTROLLERS, controller, GATEWAYS, gateway, process } from './normal.ts';
import { between, change, gone, is, type Value, type World } from './world.ts';

/** From here on gateways are replaced, one each minute. */
export const RESTART = 2400;

const place = (index: number): string => `server="gateway${index + 1}"`;

/**
 * Everything is replaced, one after the other: gateways, then the controllers, Redis, and the balancer. Each gateway says first that it is
 * not ready, goes, and comes back at another address with counters at 0; the balancer does without it meanwhile. As measured:
 * docs/reliability.md.
 */
export function restartAll(world: World): void {
  GATEWAYS.forEach((instance, index) => {
    replaceGateway(world, instance, index, RESTART + 120 * index);
  });
  replaceControllers(world, RESTART + 600);
  restartRedis(world, RESTART + 900);
  restartBalancer(world, RESTART + 1200);
}

/** The same at another time: a process that began at `start`, counters too. */
const begunAt =
  (start: number, value: Value): Value =>
  (seconds) =>
    seconds < start ? undefined : value(seconds - start);

function replaceGateway(world: World, instance: string, index: number, at: number): void {
  change(world, ['mcp_gateway_ready', instance], (before) => between(at, at + 30, is(0), before));
  change(world, [`instance="${instance}"`], (before) => between(at + 30, Number.POSITIVE_INFINITY, gone, before));
  const next = { ...process(), process_start_time_seconds: is(at + 45), ...gateway() };
  const rows = Object.entries(next).map(([name, value]) => [
    name,
    name.startsWith('process_start') ? begunAt(at + 45, is(at + 45)) : begunAt(at + 45, value),
  ]);
  add(world, { job: 'gateway', instance: `10.0.1.${index}:9464` }, Object.fromEntries(rows));
  // found unready by its check, then without an address, then in its place again
  change(world, ['haproxy_server_status', place(index), '"UP"'], (before) => between(at, at + 60, is(0), before));
  change(world, ['haproxy_server_status', place(index), '"DOWN"'], (before) => between(at, at + 30, is(1), before));
  change(world, ['haproxy_server_status', place(index), '"MAINT"'], (before) =>
    between(at + 30, at + 60, is(1), before),
  );
  change(world, ['haproxy_backend_active_servers'], (before) => between(at, at + 60, is(2), before));
}

/** The one in charge goes; the other one takes the lease. */
function replaceControllers(world: World, at: number): void {
  for (const instance of CONTROLLERS)
    change(world, [`instance="${instance}"`], (before) => between(at, Number.POSITIVE_INFINITY, gone, before));
  const rows = {
    ...process(),
    ...controller(true),
    mcp_controller_last_reconcile_timestamp_seconds: (age: number) => at + age + 25,
  };
  add(world, { job: 'controller', instance: '10.0.1.5:9464' }, born(rows, at + 30));
  add(world, { job: 'controller', instance: '10.0.1.6:9464' }, born({ ...process(), ...controller(false) }, at + 60));
}

const born = (rows: Readonly<Record<string, Value>>, at: number): Record<string, Value> =>
  Object.fromEntries(
    Object.entries({ ...rows, process_start_time_seconds: is(at) }).map(([name, value]) => [name, begunAt(at, value)]),
  );

/** For half a minute nobody reaches it. */
function restartRedis(world: World, at: number): void {
  const until = at + 30;
  change(world, ['mcp_store_up'], (before) => during(at, until, 0, before));
  change(world, ['mcp_gateway_ready'], (before) => during(at, until, 0, before));
  change(world, ['haproxy_backend_active_servers'], (before) => during(at, until, 0, before));
  change(world, ['mcp_controller_lease_held'], (before) => during(at, until, 0, before));
  change(world, ['redis_'], (before) => between(at, until, gone, before));
}

/** Only where there is something at all. */
const during =
  (from: number, until: number, value: number, before: Value): Value =>
  (seconds) => {
    const now = before(seconds);
    return now !== undefined && seconds >= from && seconds < until ? value : now;
  };

function restartBalancer(world: World, at: number): void {
  change(world, ['job="haproxy"'], (before) => between(at, at + 60, gone, before));
}
