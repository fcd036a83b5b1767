import type { Clock } from '../../../core/clock.ts';
import { AppError } from '../../../core/errors.ts';
import type { ServerName } from '../../../core/ids.ts';
import { within } from '../../../core/within.ts';
import type { LiveSession } from '../live-session.ts';

/** How long one server may hold up what is asked of all, milliseconds. */
const PATIENCE_MS = 10_000;
/** For so long a server that was not there, or was too slow, holds up nobody else of its session, milliseconds. */
const TROUBLE_MS = 30_000;

/**
 * Waits for what one of several servers is asked: not for long, and not at all where somebody else of the session has waited for
 * it in vain just now, unless the session's record has changed since.
 * @throws AppError `server.busy` if it is too slow; what `task` throws, now or when it was tried last
 */
export async function patiently<T>(
  { clock, live }: { readonly clock: Clock; readonly live: LiveSession },
  server: ServerName,
  task: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const trouble = live.troubles.get(server);
  const { version } = live.record;
  if (trouble?.version === version && clock.now() < trouble.until) throw trouble.error;
  const late = () =>
    new AppError('server.busy', `Server "${server}" did not answer within ${PATIENCE_MS / 1000} s`, { retryAfter: 1 });
  try {
    const result = await within(clock, PATIENCE_MS, late, task);
    live.troubles.delete(server);
    return result;
  } catch (error) {
    const isAway = error instanceof AppError && (error.code === 'server.failed' || error.code === 'server.busy');
    if (isAway) live.troubles.set(server, { error, until: clock.now() + TROUBLE_MS, version });
    throw error;
  }
}
