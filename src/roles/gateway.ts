import { dirname } from 'node:path';
import type { Config } from '../config.ts';
import type { Logger } from '../core/logger.ts';
import { RemoteController } from '../store/redis/controller-calls.ts';
import { dataPlane } from './data-plane.ts';
import { drain, httpServer, listen } from './listen.ts';
import { showMetrics } from './metrics-endpoint.ts';
import { Presence } from './presence.ts';
import { assembleReplica } from './replica.ts';
import { type Running, runRole } from './run.ts';

/** What calls get that cannot go on at another replica, after the time in which everything is served, milliseconds. */
const GRACE_MS = 25_000;

/**
 * The role `gateway`: one of several replicas that answer requests, until SIGTERM or SIGINT.
 * @param main path of the program's main file
 * @returns the exit code
 */
export function gateway(argv: string[], main: string): Promise<number> {
  const greeting = (url: string) => `mcp-session-manager gateway is ready: ${url}`;
  return runRole({ name: 'gateway', start: (config, log) => startGateway(config, main, log), greeting }, argv);
}

async function startGateway(config: Config, main: string, log: Logger): Promise<Running> {
  await using held = new AsyncDisposableStack();
  const { parts, bus, deployment } = await assembleReplica('gateway', config, {
    root: dirname(dirname(main)),
    log,
    held,
  });
  const { clock } = parts;
  const controller = held.use(new RemoteController({ bus, deployment, clock, answerMs: config.streams.holdMs }));
  const plane = dataPlane(parts, controller, held);
  const server = httpServer(plane.listener);
  const url = await listen(server, config.http.host, config.http.port);
  const shown = await showMetrics(parts.metrics, config.metrics, clock, held);
  const condition = () => ({ ...plane.condition(), troubles: [] });
  held.use(new Presence({ ...parts, role: 'gateway', condition, onDrain: () => plane.refuse() }));
  held.defer(async () => {
    // The balancer is to see it before anything is refused.
    plane.refuse();
    await clock.sleep(config.drainMs);
    const drained = drain(server, GRACE_MS, clock, () => plane.cutStreams());
    // Only now, when those who come back do not come here.
    plane.endStreams();
    await drained;
  });
  log.info({ url, ...shown, version: parts.version }, 'ready');
  const all = held.move();
  return { url, [Symbol.asyncDispose]: () => all.disposeAsync() };
}
