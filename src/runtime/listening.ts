import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import type { Clock } from '../core/clock.ts';
import { AppError } from '../core/errors.ts';

const POLL_MS = 3;
const DEADLINE_MS = 10_000;

/**
 * Waits until something accepts connections at a Unix socket.
 * @param failure says why nothing will, once that is known
 * @throws AppError `server.failed` if that comes about, or it takes longer than ten seconds; the signal's reason when it
 *   aborts
 */
export async function untilListening(
  socket: string,
  clock: Clock,
  signal: AbortSignal,
  failure?: () => string | undefined,
): Promise<void> {
  const deadline = clock.now() + DEADLINE_MS;
  for (;;) {
    signal.throwIfAborted();
    // A look for the file costs a fiftieth of a failed connection.
    if (existsSync(socket) && (await accepts(socket))) return;
    const ended = failure?.();
    if (ended) throw new AppError('server.failed', ended);
    if (clock.now() >= deadline)
      throw new AppError('server.failed', `the host did not listen within ${DEADLINE_MS / 1000} s`);
    await clock.sleep(POLL_MS, signal);
  }
}

function accepts(path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(path);
  socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
  return promise.finally(() => socket.destroy());
}
