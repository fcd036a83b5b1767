import type { Alert } from '../../../../grafana/alerts/alert.ts';
import { CONTROLLERS } from '../normal.ts';
import { after, change, gone, is, risesSince, type Value, type World } from '../world.ts';

type Happening = (world: World) => void;

/** What goes wrong in a world that was well, and what the alert then says. */
export interface Fault {
  readonly what: string;
  readonly happens: Happening;
  /** When the alert is looked at, seconds. */
  readonly at: number;
  /** Labels of the series, besides the alert's own. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly summary: string;
  /** Alerts that fire with it; no others do. */
  readonly also?: readonly Alert['name'][];
}

/** By the alert that is to fire. */
export type Faults = Readonly<Record<string, readonly Fault[]>>;

export const MINUTES = 60;
export const HOURS = 3600;
export const MIB = 1024 * 1024;
/** All is well for half an hour. */
export const FROM = 30 * MINUTES;

/** Another value from `FROM` on, for series whose notation has all of `parts`; so of those below. */
const turns =
  (value: (before: Value) => Value, parts: readonly string[]): Happening =>
  (world) =>
    change(world, parts, (before) => after(FROM, value(before), before));

export const becomes = (value: number, ...parts: readonly string[]): Happening => turns(() => is(value), parts);
/** Is as it was at `FROM`. */
export const stands = (...parts: readonly string[]): Happening => turns((before) => () => before(FROM), parts);
export const vanishes = (...parts: readonly string[]): Happening => turns(() => gone, parts);
/** @param before how fast it rose until then, as `perMinute` */
export const quickens = (perMinute: number, parts: readonly string[], before = 0): Happening =>
  turns(() => risesSince(FROM, perMinute, before), parts);

/** From the beginning on, not from `FROM`. */
export const always =
  (value: Value, ...parts: readonly string[]): Happening =>
  (world) =>
    change(world, parts, () => value);

export const all =
  (...happenings: readonly Happening[]): Happening =>
  (world) => {
    for (const happen of happenings) happen(world);
  };

/** A target that nobody sees any more. */
export const leaves = (instance: string): Happening => vanishes(`instance="${instance}"`);

/** The balancer has a gateway at this place, which does not answer. */
export const placeDown = (server: string): Happening =>
  all(
    becomes(0, 'haproxy_server_status', `server="${server}"`, '"UP"'),
    becomes(1, 'haproxy_server_status', `server="${server}"`, '"DOWN"'),
  );

export const noneReady: Happening = all(
  becomes(0, 'mcp_gateway_ready'),
  becomes(0, 'haproxy_backend_active_servers{proxy="gateways"'),
  ...['gateway1', 'gateway2', 'gateway3'].map(placeDown),
);

/** No controller is in charge. */
export const noLease: Happening = all(
  becomes(0, 'mcp_controller_lease_held'),
  stands('mcp_controller_last_reconcile_timestamp_seconds'),
);

/** No start succeeds any more; those of `servers` cannot be tried, for want of `reason`. */
export const lacks = (reason: string, servers: readonly string[]): Happening =>
  all(
    stands('mcp_instance_starts_total', '"ready"'),
    ...servers.map((server) => quickens(1, [`mcp_instance_starts_total{server="${server}"`, '"unavailable"'])),
    quickens(servers.length, [`mcp_runtime_unavailable_total{reason="${reason}"`, CONTROLLERS[0]]),
  );
