import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ControllerOptions } from '../../src/controller/controller.ts';
import { AppError } from '../../src/core/errors.ts';
import type { SessionRecord } from '../../src/core/session.ts';
import { METRICS } from '../../src/telemetry/metrics/catalogue.ts';
import { PromControllerMeter } from '../../src/telemetry/metrics/controller-meter.ts';
import type { MetricDefinition } from '../../src/telemetry/metrics/definition.ts';
import { Metrics } from '../../src/telemetry/metrics/metrics.ts';
import { settle } from '../fakes/fake-clock.ts';
import { CATALOGUE, ControlPlane, INTERVAL } from '../support/control-plane.ts';
import { metricOf, type Series, seriesOf } from '../support/series.ts';

const SURVEY = 15_000;
const lacking = (lack: string) => new AppError('runtime.unavailable', 'not now', { data: { lack } });

let metrics: Metrics;
let initial: Series;
let p: ControlPlane;
/** Series that had another value than in the beginning at some time in these tests. */
const driven = new Set<string>();

async function begin(change: Partial<ControllerOptions> = {}): Promise<void> {
  metrics = new Metrics({ role: 'controller', version: '1', servers: [...CATALOGUE.keys()], tools: [] });
  initial = seriesOf(await metrics.show());
  p = new ControlPlane({}, { meter: new PromControllerMeter(metrics, CATALOGUE.keys()), surveyMs: SURVEY, ...change });
  await p.up();
}
beforeEach(() => begin());
afterEach(() => p.down());

/** What is shown now, of those of these series whose values differ from the first. */
async function shown(): Promise<Record<string, number>> {
  const changed = [...seriesOf(await metrics.show())].filter(([name, value]) => value !== initial.get(name));
  for (const [name] of changed) driven.add(name);
  return Object.fromEntries(changed);
}

/** The same after the next look at everything. */
async function next(): Promise<Record<string, number>> {
  await p.clock.advance(INTERVAL);
  return shown();
}

const instances = (server: string, state: string) => `mcp_instances{server="${server}",state="${state}"}`;
const starts = (server: string, outcome: string) =>
  `mcp_instance_starts_total{server="${server}",outcome="${outcome}"}`;
const of = (metric: string, label: string, value: string) => `${metric}{${label}="${value}"}`;

describe('metrics of the controller in charge', () => {
  it('say that it is, since when it has looked, and what it may run', async () => {
    expect(await shown()).toMatchObject({
      mcp_controller_lease_held: 1,
      mcp_controller_epoch: 1,
      mcp_instance_capacity: 1000,
      mcp_instance_queue_limit: 1000,
      mcp_controller_last_reconcile_timestamp_seconds: p.clock.now() / 1000,
      mcp_controller_reconcile_duration_seconds_count: 1,
    });
    expect(await next()).toMatchObject({ mcp_controller_reconcile_duration_seconds_count: 2 });
  });

  it('measure a look at everything, and a start, from its beginning to its end', async () => {
    p.runtime.modes.set('filesystem', 2500);
    const gate = Promise.withResolvers<void>();
    p.runtime.listGate = gate.promise;
    await p.clock.advance(INTERVAL);
    await p.clock.advance(1500);
    gate.resolve();
    await settle();
    expect(await shown()).toMatchObject({
      'mcp_controller_reconcile_duration_seconds_bucket{le="1"}': 1,
      'mcp_controller_reconcile_duration_seconds_bucket{le="2.5"}': 2,
    });
    await p.open({ servers: ['filesystem'] });
    await p.clock.advance(2500);
    expect(await shown()).toMatchObject({
      [starts('filesystem', 'ready')]: 1,
      'mcp_instance_start_duration_seconds_sum{server="filesystem"}': 2.5,
    });
  });

  it('count servers by what they are', async () => {
    p.runtime.modes.set('proxmox', 'failing');
    await p.open();
    expect(await next()).toMatchObject({
      mcp_controller_sessions: 1,
      mcp_instance_running: 1,
      [instances('filesystem', 'ready')]: 1,
      [instances('proxmox', 'failed')]: 1,
      [starts('filesystem', 'ready')]: 1,
    });
    p.runtime.modes.set('proxmox', 'never').set('filesystem', 'never');
    await p.open({}, 101);
    expect(await next()).toMatchObject({ [instances('filesystem', 'starting')]: 1 });
  });

  it('tell apart who failed: the server, what it runs on, or a terminal that has set nothing for it', async () => {
    p.runtime.modes.set('filesystem', 'failing');
    await p.open({ servers: ['filesystem'] });
    p.runtime.modes.clear();
    p.runtime.refusal = lacking('image');
    await p.open({ servers: ['filesystem'] }, 101);
    p.runtime.refusal = undefined;
    p.hosts.refusals.set('proxmox', new AppError('server.unconfigured', 'Nothing is set'));
    await p.open({ servers: ['proxmox'] }, 102);
    const now = await next();
    expect(now).toMatchObject({
      [starts('filesystem', 'failed')]: 1,
      [starts('filesystem', 'unavailable')]: 1,
      [starts('proxmox', 'unconfigured')]: 1,
      [instances('proxmox', 'unconfigured')]: 1,
      [of('mcp_runtime_unavailable_total', 'reason', 'image')]: 1,
    });
    expect(now).not.toHaveProperty([instances('proxmox', 'failed')]);
  });

  it('count restarts of what ended by itself, and servers that failed too often', async () => {
    const { id } = await p.open({ servers: ['filesystem'] });
    p.runtime.die(id, 'filesystem');
    expect(await next()).toMatchObject({ [of('mcp_instance_restarts_total', 'server', 'filesystem')]: 1 });
    await p.clock.advance(INTERVAL - 1000);
    p.runtime.modes.set('filesystem', 'failing');
    p.runtime.die(id, 'filesystem');
    await p.clock.advance(30_000);
    const circuits = of('mcp_instance_circuits_open', 'server', 'filesystem');
    expect(await next()).toMatchObject({ [circuits]: 1, [instances('filesystem', 'failed')]: 1 });
    p.runtime.modes.clear();
    await p.clock.advance(60_000);
    expect(await next()).not.toHaveProperty([circuits]);
  });

  it('count those that wait, and those that are turned away', async () => {
    await p.down();
    await begin({ admission: { instances: 1, perOwner: 1, queue: 1 } });
    await p.open({ servers: ['filesystem'] });
    await p.open({ servers: ['filesystem'] }, 101);
    await p.open({ servers: ['filesystem'] }, 102);
    expect(await next()).toMatchObject({
      mcp_instance_queue: 1,
      mcp_instance_queue_rejected_total: 1,
      mcp_instance_running: 1,
      [instances('filesystem', 'pending')]: 1,
      [instances('filesystem', 'idle')]: 1,
    });
  });

  it('follow orphans to their end', async () => {
    const { id } = await p.open({ servers: ['filesystem'] });
    p.signals.lost = true;
    p.runtime.cannotStop = true;
    await p.sessions.end(id);
    expect(await next()).toMatchObject({ mcp_orphans_found_total: 1 });
    expect(await next()).toMatchObject({ mcp_orphans_found_total: 1, mcp_orphans: 1, mcp_instance_running: 1 });
    p.runtime.cannotStop = false;
    await p.clock.advance(INTERVAL);
    const now = await next();
    expect(now).toMatchObject({ mcp_orphans_found_total: 1, mcp_orphans_removed_total: 1 });
    expect(now).not.toHaveProperty('mcp_orphans');
  });

  it('take no instance for an orphan that is being ended with its session', async () => {
    const gate = Promise.withResolvers<void>();
    const { id } = await p.open({ servers: ['filesystem'] });
    p.runtime.stopGate = gate.promise;
    await p.sessions.end(id);
    expect(await next()).not.toHaveProperty('mcp_orphans_found_total');
    gate.resolve();
    await settle();
    expect(p.runtime.size).toBe(0);
    expect(await next()).not.toHaveProperty('mcp_orphans_removed_total');
  });

  it.each<[string, string, () => void]>([
    ['the store', 'store', () => (p.store.down = true)],
    ['what instances run on', 'runtime', () => (p.runtime.refusal = lacking('engine'))],
    ['something else', 'other', () => (p.runtime.refusal = new Error('odd'))],
  ])('count looks that failed: %s', async (_, reason, outage) => {
    const before = (await shown()).mcp_controller_last_reconcile_timestamp_seconds;
    outage();
    const now = await next();
    expect(now[of('mcp_controller_reconcile_errors_total', 'reason', reason)]).toBeGreaterThan(0);
    expect(now.mcp_controller_last_reconcile_timestamp_seconds).toBe(before);
    p.store.down = false;
  });

  it.each([
    ...[
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
    ],
    'luck',
  ])('name what the runtime is in want of: %s', async (lack) => {
    p.runtime.refusal = lacking(lack);
    const reason = lack === 'luck' ? 'other' : lack;
    expect((await next())[of('mcp_runtime_unavailable_total', 'reason', reason)]).toBeGreaterThan(0);
  });

  it('name no server that is not in the catalogue', async () => {
    const { id } = await p.open({ servers: ['filesystem'] });
    const record = (await p.store.peek(id)) as SessionRecord;
    const { filesystem } = record.servers;
    if (!filesystem) throw new Error('no server');
    await p.store.replace({ ...record, version: record.version + 1, servers: { x: filesystem, y: filesystem } });
    const now = await next();
    expect(now).toMatchObject({
      [instances('other', 'ready')]: 2,
      [of('mcp_instance_restarts_total', 'server', 'other')]: 2,
    });
    expect(Object.keys(now).filter((name) => /"[xy]"/.test(name))).toEqual([]);
  });
});

describe('metrics of hosts', () => {
  it('are what all of them say together, from one round to the next', async () => {
    await p.open({ servers: ['filesystem'] });
    const usage = { cpuSeconds: 2, memoryBytes: 100, pids: 1 };
    const certificateExpiresAt = 1_800_000_000_000;
    const more = { circuit: 'open', certificateExpiresAt, usage } as const;
    p.hosts.condition = { channels: 3, logBytes: 50, restarts: 1, replays: 2, ...more };
    await p.clock.advance(SURVEY);
    await p.open({ servers: ['filesystem'] }, 101);
    await p.clock.advance(SURVEY);
    const server = (metric: string) => of(metric, 'server', 'filesystem');
    expect(await shown()).toMatchObject({
      [server('mcp_host_channels')]: 6,
      [server('mcp_host_log_bytes')]: 100,
      [server('mcp_host_circuits_open')]: 2,
      [server('mcp_host_memory_bytes')]: 200,
      [server('mcp_host_memory_max_bytes')]: 100,
      [server('mcp_host_child_exits_total')]: 2,
      [server('mcp_host_replays_total')]: 4,
      [server('mcp_host_cpu_seconds_total')]: 4,
      [server('mcp_certificate_expiry_timestamp_seconds')]: certificateExpiresAt / 1000,
    });
    p.hosts.condition = 'silent';
    await p.clock.advance(2 * SURVEY);
    const now = await shown();
    expect(now[server('mcp_host_scrapes_failed_total')]).toBe(2);
    expect(now).not.toHaveProperty([server('mcp_certificate_expiry_timestamp_seconds')]);
    expect(now).not.toHaveProperty([server('mcp_host_channels')]);
  });

  it('an instance that has ended is not missed', async () => {
    const { id } = await p.open({ servers: ['filesystem'] });
    await p.clock.advance(INTERVAL);
    p.store.down = true;
    p.hosts.condition = 'silent';
    p.runtime.vanish(id, 'filesystem');
    await p.clock.advance(2 * SURVEY);
    expect(await shown()).not.toHaveProperty([of('mcp_host_scrapes_failed_total', 'server', 'filesystem')]);
    p.store.down = false;
  });
});

it('a controller that has lost the lease says nothing of how things are, even when its work comes to an end later', async () => {
  await p.down();
  const lost = new AbortController();
  await begin({ lease: { epoch: 7, lost: lost.signal, [Symbol.asyncDispose]: async () => {} } });
  await p.open({ servers: ['filesystem'] });
  p.hosts.condition = { channels: 1 };
  await p.clock.advance(SURVEY);
  expect(await shown()).toMatchObject({ mcp_controller_lease_held: 1, mcp_controller_epoch: 7 });
  const gate = Promise.withResolvers<void>();
  p.runtime.listGate = gate.promise;
  await p.clock.advance(INTERVAL);
  lost.abort(new Error('taken'));
  await settle();
  gate.resolve();
  await p.clock.advance(2 * SURVEY);
  await p.ended;
  const gauges = Object.keys(await shown()).filter((name) => definitionOf(metricOf(name)).type === 'gauge');
  expect(gauges).toEqual([]);
});

it('a look in which somebody else turns out to be in charge has failed for want of the lease', async () => {
  await p.open({ servers: ['filesystem'] });
  p.store.empty();
  const lost = new AbortController();
  await p.down();
  await begin({ lease: { epoch: 7, lost: lost.signal, [Symbol.asyncDispose]: async () => {} } });
  p.store.empty();
  const gate = Promise.withResolvers<void>();
  p.runtime.listGate = gate.promise;
  await p.clock.advance(INTERVAL);
  lost.abort(new Error('taken'));
  gate.resolve();
  await settle();
  expect(await shown()).toMatchObject({ [of('mcp_controller_reconcile_errors_total', 'reason', 'lease')]: 1 });
});

const definitionOf = (name: string): MetricDefinition => (METRICS as Record<string, MetricDefinition>)[name] as never;

it('these tests drive every metric that only controllers have, with every value of its labels', () => {
  const own = Object.entries<MetricDefinition>(METRICS).filter(
    ([name, { roles }]) => roles.join() === 'controller' || name === 'mcp_instance_queue_rejected_total',
  );
  const names = new Set([...driven].map(metricOf));
  expect(own.map(([name]) => name).filter((name) => !names.has(name))).toEqual([]);
  for (const [name, { labels = {} }] of own)
    for (const [label, values] of Object.entries(labels).filter(([, values]) => Array.isArray(values)))
      for (const value of values) {
        const found = [...driven].some((one) => metricOf(one) === name && one.includes(`${label}="${value}"`));
        expect({ name, label, value, found }).toEqual({ name, label, value, found: true });
      }
});
