import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import type { Clock } from '../core/clock.ts';
import { AppError } from '../core/errors.ts';
import type { Endpoint } from '../core/session.ts';

/** How often it is tried, milliseconds: a look for a socket's file costs little, a connection over a network more. */
const POLL_MS = { unix: 3, tcp: 25 };
/** A connection over a network that nothing answers is given up after this time, milliseconds. */
const SILENCE_MS = 1000;
const DEADLINE_MS = 10_000;

/**
 * Waits until something accepts connections at an endpoint.
 * @param failure says why nothing will, once that is known
 * @throws AppError `server.failed` if that comes about, or it takes longer than ten seconds; the signal's reason when it
 *   aborts
 */
export async function untilListening(
  endpoint: Endpoint,
  clock: Clock,
  signal: AbortSignal,
  failure?: () => string | undefined,
): Promise<void> {
  const deadline = clock.now() + DEADLINE_MS;
  for (;;) {
    signal.throwIfAborted();
    // A look for the file costs a fiftieth of a failed connection.
    if ((endpoint.kind === 'tcp' || existsSync(endpoint.path)) && (await accepts(endpoint))) return;
    const ended = failure?.();
    if (ended) throw new AppError('server.failed', ended);
    if (clock.now() >= deadline)
      throw new AppError('server.failed', `the host did not listen within ${DEADLINE_MS / 1000} s`);
    await clock.sleep(POLL_MS[endpoint.kind], signal);
  }
}

/**
 * The same, while `look` is asked again and again whether it can still come about: it resolves with why not, once that is known, and
 * paces itself, with the signal that says that nobody waits any more. What it throws is not what the start is about: the deadline
 * sees to it.
 */
export async function untilListeningOrGone(
  endpoint: Endpoint,
  clock: Clock,
  signal: AbortSignal,
  look: (done: AbortSignal) => Promise<string | undefined>,
): Promise<void> {
  const done = new AbortController();
  let gone: string | undefined;
  const watch = async () => {
    while (gone === undefined && !done.signal.aborted) gone = await look(done.signal);
  };
  const watching = watch().catch(() => {});
  try {
    await untilListening(endpoint, clock, signal, () => gone);
  } finally {
    done.abort();
    await watching;
  }
}

function accepts(endpoint: Endpoint): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(endpoint.kind === 'unix' ? { path: endpoint.path } : endpoint);
  socket.setTimeout(SILENCE_MS, () => resolve(false));
  socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
  return promise.finally(() => socket.destroy());
}
