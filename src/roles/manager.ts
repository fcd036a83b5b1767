import { createServer } from 'node:http';
import { dirname } from 'node:path';
import { removeManagerFile, writeManagerFile } from '../config/manager-file.ts';
import type { Config } from '../config.ts';
import type { Logger } from '../core/logger.ts';
import { controlPlane } from './control-plane.ts';
import { dataPlane } from './data-plane.ts';
import { drain, listen } from './listen.ts';
import { assemble } from './parts.ts';

/** How long requests may take to end when the manager does, milliseconds. */
const DRAIN_MS = 2000;

/** A manager that serves. Its disposal ends it in order, and leaves the instances running. */
export interface Manager extends AsyncDisposable {
  /** Base URL, without a slash at its end. */
  readonly url: string;
}

/**
 * Starts gateway and controller in this process.
 * @param main path of the program's main file, one directory below the program's own: hosts are started by it
 * @throws AppError for everything that keeps it from starting; nothing is left behind then
 */
export async function startManager(config: Config, main: string, log: Logger): Promise<Manager> {
  await using held = new AsyncDisposableStack();
  const parts = await assemble(config, dirname(dirname(main)), log, held);
  const controller = controlPlane(parts, [process.execPath, main, 'host']);
  const gateway = dataPlane(parts, controller, held);
  const server = createServer(gateway.listener);
  const url = await listen(server, config.http.host, config.http.port);
  const stop = new AbortController();
  const running = controller.run(stop.signal);
  held.defer(async () => {
    stop.abort();
    await running;
  });
  held.defer(async () => {
    gateway.refuse();
    const drained = drain(server, DRAIN_MS, parts.clock);
    // Only now, when those who come back do not come here.
    gateway.endStreams();
    await drained;
  });
  writeManagerFile(config.state, { url, pid: process.pid });
  held.defer(() => removeManagerFile(config.state, process.pid));
  log.info({ url, version: parts.version, epoch: parts.lease.epoch }, 'ready');
  const all = held.move();
  return { url, [Symbol.asyncDispose]: () => all.disposeAsync() };
}
