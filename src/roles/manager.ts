import { dirname } from 'node:path';
import { removeManagerFile, writeManagerFile } from '../config/manager-file.ts';
import type { Config } from '../config.ts';
import { messageOf } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import { keepConfiguration } from './configurations.ts';
import { controlPlane } from './control-plane.ts';
import { dataPlane } from './data-plane.ts';
import { takeLeases } from './leases.ts';
import { drain, httpServer, listen } from './listen.ts';
import { showMetrics } from './metrics-endpoint.ts';
import { assemble, type Parts } from './parts.ts';
import { Presence } from './presence.ts';
import type { Running } from './run.ts';

/** How long requests may take to end when the manager does, milliseconds. */
const DRAIN_MS = 2000;

/**
 * Starts gateway and controller in this process.
 * @param main path of the program's main file, one directory below the program's own: hosts are started by it
 * @throws AppError for everything that keeps it from starting; nothing is left behind then
 */
export async function startManager(config: Config, main: string, log: Logger): Promise<Running> {
  await using held = new AsyncDisposableStack();
  const lease = held.use(await takeLeases(config));
  const assembled = await assemble('serve', config, { root: dirname(dirname(main)), log, held });
  const parts = { ...assembled, onReread: () => keep(assembled) };
  const controller = await controlPlane(parts, lease, [process.execPath, main, 'host']);
  const gateway = dataPlane(parts, controller, held);
  const server = httpServer(gateway.listener);
  const url = await listen(server, config.http.host, config.http.port);
  const shown = await showMetrics(parts.metrics, config.metrics, parts.clock, held);
  const troubles = () => (controller.trouble === undefined ? [] : [controller.trouble]);
  const condition = () => ({ ...gateway.condition(), leads: true, troubles: troubles() });
  held.use(new Presence({ ...parts, role: 'serve', condition }));
  const stop = new AbortController();
  const running = controller.run(stop.signal);
  held.defer(async () => {
    stop.abort();
    await running;
  });
  held.defer(async () => {
    gateway.refuse();
    const drained = drain(server, DRAIN_MS, parts.clock, () => gateway.cutStreams());
    // Only now, when those who come back do not come here.
    gateway.endStreams();
    await drained;
  });
  writeManagerFile(config.state, { url, pid: process.pid });
  held.defer(() => removeManagerFile(config.state, process.pid));
  keep(parts);
  log.info({ url, ...shown, version: parts.version, epoch: lease.epoch }, 'ready');
  const all = held.move();
  return { url, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

/** It works, so it can be gone back to. That it cannot be kept is no reason not to serve. */
function keep({ config, catalogue, clock, log }: Parts): void {
  try {
    const kept = keepConfiguration(config, catalogue, clock.now());
    if (kept) log.info({ version: kept.number }, 'the configuration was kept');
  } catch (error) {
    log.warn({ reason: messageOf(error) }, 'the configuration could not be kept');
  }
}
