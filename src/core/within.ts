import type { Clock } from './clock.ts';

/**
 * Runs `task` with a signal that aborts after `ms` milliseconds, or with `signal`. Rejects then, even if the task does not
 * listen to its signal: with `late()` or with the reason of `signal`.
 */
export async function within<T>(
  clock: Clock,
  ms: number,
  late: () => Error,
  task: (signal: AbortSignal) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  signal?.throwIfAborted();
  const limit = new AbortController();
  const timer = new AbortController();
  const onAbort = () => limit.abort(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  const aborted = new Promise<never>((_, reject) => {
    limit.signal.addEventListener('abort', () => reject(limit.signal.reason), { once: true });
  });
  const timeout = clock.sleep(ms, timer.signal).then(
    () => limit.abort(late()),
    () => {}, // the task was done first
  );
  try {
    return await Promise.race([task(limit.signal), aborted]);
  } finally {
    timer.abort();
    signal?.removeEventListener('abort', onAbort);
    await timeout;
  }
}
