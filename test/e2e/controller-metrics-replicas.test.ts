import { Redis } from 'ioredis';
import { expect, it, onTestFinished } from 'vitest';
import { DEFAULT_PREFIX, RedisKeys } from '../../src/store/redis/keys.ts';
import { METRICS } from '../../src/telemetry/metrics/catalogue.ts';
import type { MetricDefinition } from '../../src/telemetry/metrics/definition.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { Program, Replicas } from '../support/replicas.ts';
import { requires } from '../support/requires.ts';
import { metricOf, type Series, shownAt } from '../support/series.ts';

const WAIT_MS = 60_000;
const READY = 'mcp_instances{server="counting",state="ready"}';
const MEMORY = 'mcp_host_memory_bytes{server="counting"}';

interface Shown {
  readonly program: Program;
  readonly port: number;
}

/** One more controller of these replicas, whose metrics are shown. */
async function controller(replicas: Replicas): Promise<Shown> {
  const port = await freePort();
  const program = new Program('controller', {
    PATH: process.env.PATH,
    HOME: replicas.root,
    MCP_SESSION_MANAGER_STATE: replicas.state,
    MCP_SESSION_MANAGER_RUNTIME_ROOT: replicas.runtimeRoot,
    MCP_SESSION_MANAGER_STORE: replicas.redis.url,
    MCP_SESSION_MANAGER_PORT: '0',
    // What comes to pass here is not to come of a machine that stands still for a moment.
    MCP_SESSION_MANAGER_LEASE_TTL: '6s',
    MCP_SESSION_MANAGER_RECONCILE_INTERVAL: '300ms',
    MCP_SESSION_MANAGER_SURVEY_INTERVAL: '300ms',
    MCP_SESSION_MANAGER_METRICS_PORT: String(port),
  });
  onTestFinished(() => program.kill());
  await program.start();
  return { program, port };
}

const shows = (what: string, { port }: Shown, check: (all: Series) => boolean) =>
  eventually(
    what,
    async () => {
      const all = await shownAt(port);
      return check(all) ? all : undefined;
    },
    WAIT_MS,
  );

/** The gauges of a controller that say something. */
const gaugesOf = (all: Series): string[] =>
  [...all].flatMap(([name, value]) => {
    const definition = (METRICS as Record<string, MetricDefinition>)[metricOf(name)];
    const isOwn = definition?.type === 'gauge' && definition.roles.join() === 'controller';
    return isOwn && value !== 0 ? [name] : [];
  });

requires('redis')('metrics of two controllers', () => {
  it('only the one in charge says how things are, whoever that is', { timeout: 3 * WAIT_MS }, async () => {
    await using replicas = await Replicas.start(1, 0);
    const first = await controller(replicas);
    await shows('it is in charge', first, (all) => all.get('mcp_controller_lease_held') === 1);
    const second = await controller(replicas);
    await replicas.open();
    const before = await shows('a server runs', first, (all) => all.get(READY) === 1 && (all.get(MEMORY) ?? 0) > 0);
    const waiting = await shownAt(second.port);
    expect(gaugesOf(waiting)).toEqual([]);

    await first.program.kill();
    const taken = await shows('the other one is', second, (all) => all.get(READY) === 1 && (all.get(MEMORY) ?? 0) > 0);
    expect(taken.get('mcp_controller_lease_held')).toBe(1);
    expect(taken.get('mcp_controller_epoch')).toBeGreaterThan(before.get('mcp_controller_epoch') ?? 0);
    expect(taken.get('mcp_instance_starts_total{server="counting",outcome="ready"}')).toBe(0);

    const redis = new Redis(replicas.redis.url);
    onTestFinished(() => redis.disconnect());
    const { lease } = new RedisKeys(DEFAULT_PREFIX);
    await redis.set(lease, 'somebody else');
    await shows('that it is not any more', second, (all) => gaugesOf(all).length === 0);
    await redis.del(lease);
    await shows(
      'that it is again',
      second,
      (all) => all.get('mcp_controller_lease_held') === 1 && all.get(READY) === 1,
    );

    replicas.redis.pause();
    const failed = 'mcp_controller_reconcile_errors_total{reason="store"}';
    await shows('that the store is out of reach', second, (all) => (all.get(failed) ?? 0) > 0);
    await shows('that the lease is lost with it', second, (all) => gaugesOf(all).length === 0);
    replicas.redis.resume();
    await shows(
      'that all is well',
      second,
      (all) => all.get('mcp_controller_lease_held') === 1 && all.get(READY) === 1,
    );
  });
});
