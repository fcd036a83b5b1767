import { dirname } from 'node:path';
import type { Config } from '../config.ts';
import type { Controller } from '../controller/controller.ts';
import { RecordMemory } from '../controller/record-memory.ts';
import { messageOf } from '../core/errors.ts';
import type { Lease } from '../core/lease.ts';
import type { Logger } from '../core/logger.ts';
import { backoffDelay } from '../core/retry.ts';
import { answerCalls } from '../store/redis/controller-calls.ts';
import { RedisLease } from '../store/redis/lease.ts';
import { controlPlane } from './control-plane.ts';
import { type ControllerHealth, controllerProbes } from './controller-probes.ts';
import { takeRuntimeRoot } from './leases.ts';
import { drain, httpServer, listen } from './listen.ts';
import { showMetrics } from './metrics-endpoint.ts';
import { type Condition, Presence } from './presence.ts';
import { assembleReplica, type Replica } from './replica.ts';
import { type Running, runRole } from './run.ts';

/** Probes are short, milliseconds. */
const DRAIN_MS = 1000;
const BACKOFF = { baseMs: 200, maxMs: 5000 };

/**
 * The role `controller`: one of several, of which the holder of the lease works and the others wait, until SIGTERM or
 * SIGINT. What it started goes on running, for the next one to take over.
 * @param main path of the program's main file, by which hosts are started
 * @returns the exit code
 */
export function controller(argv: string[], main: string): Promise<number> {
  const greeting = (url: string) => `mcp-session-manager controller is ready: ${url}`;
  return runRole({ name: 'controller', start: (config, log) => startController(config, main, log), greeting }, argv);
}

async function startController(config: Config, main: string, log: Logger): Promise<Running> {
  await using held = new AsyncDisposableStack();
  const replica = await assembleReplica('controller', config, { root: dirname(dirname(main)), log, held });
  const health: ControllerHealth = { epoch: undefined, ending: false, trouble: () => undefined };
  const server = httpServer(controllerProbes(replica.parts.store, health));
  const url = await listen(server, config.http.host, config.http.port);
  held.defer(() => drain(server, DRAIN_MS, replica.parts.clock));
  // Whether the store answers is known to the one in charge alone, unless it is asked.
  replica.parts.metrics.beforeShowing(() =>
    replica.parts.store.generation().then(
      () => {},
      () => {},
    ),
  );
  const shown = await showMetrics(replica.parts.metrics, config.metrics, replica.parts.clock, held);
  held.use(new Presence({ ...replica.parts, role: 'controller', condition: () => conditionOf(health) }));
  const stop = new AbortController();
  const working = work(replica, [process.execPath, main, 'host'], health, stop.signal);
  held.defer(async () => {
    health.ending = true;
    stop.abort();
    await working;
  });
  log.info({ url, ...shown, version: replica.parts.version }, 'ready');
  const all = held.move();
  return { url, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

function conditionOf({ epoch, ending, trouble }: ControllerHealth): Condition {
  const why = trouble();
  return { draining: ending, leads: epoch !== undefined, troubles: why === undefined ? [] : [why] };
}

/** Waits for the lease and works as long as it has it, again and again. */
async function work(
  replica: Replica,
  hostCommand: readonly string[],
  health: ControllerHealth,
  stop: AbortSignal,
): Promise<void> {
  const { clock, random, log, config } = replica.parts;
  const memory = new RecordMemory();
  for (let failures = 1; !stop.aborted; failures++) {
    const began = clock.now();
    try {
      await workOnce(replica, (lease) => controlPlane(replica.parts, lease, hostCommand, memory), health, stop);
    } catch (error) {
      if (!stop.aborted) log.warn({ reason: messageOf(error) }, 'the lease could not be used');
    }
    health.epoch = undefined;
    health.trouble = () => undefined;
    if (clock.now() - began > config.leaseTtlMs) failures = 1;
    await clock.sleep(backoffDelay(BACKOFF, failures, random()), stop).catch(() => {}); // the loop's condition sees it
  }
}

async function workOnce(
  { parts, bus, deployment }: Replica,
  controllerOf: (lease: Lease) => Promise<Controller>,
  health: ControllerHealth,
  stop: AbortSignal,
): Promise<void> {
  const { config, clock, random, log } = parts;
  const monotonic = () => performance.now();
  const options = { url: config.store, ttlMs: config.leaseTtlMs, clock, random, monotonic };
  await using lease = await RedisLease.acquire(options, stop);
  // Of two on one machine the first may still be ending; and another deployment's would end each other's servers.
  await using _root = await takeRuntimeRoot(config.runtimeRoot);
  const plane = await controllerOf(lease);
  using _calls = answerCalls(bus, deployment, plane);
  health.epoch = lease.epoch;
  health.trouble = () => plane.trouble;
  log.info({ epoch: lease.epoch }, 'in charge');
  await plane.run(stop);
}
