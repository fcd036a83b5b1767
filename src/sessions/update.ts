import type { Clock } from '../core/clock.ts';
import { AppError } from '../core/errors.ts';
import type { SessionId } from '../core/ids.ts';
import { backoffDelay } from '../core/retry.ts';
import type { SessionRecord } from '../core/session.ts';
import type { SessionStore } from '../core/store.ts';

const ATTEMPTS = 20;
const BACKOFF = { baseMs: 2, maxMs: 100 };

/** What is needed to change a record. */
export interface UpdateContext {
  readonly store: Pick<SessionStore, 'peek' | 'replace'>;
  readonly clock: Clock;
  /** A number in [0, 1). */
  readonly random: () => number;
}

/** What became of an update. `written`: false if there was nothing to change. */
export interface Updated {
  readonly record: SessionRecord;
  readonly written: boolean;
}

/**
 * Changes a record by compare-and-set, and again on the newer record if somebody was faster.
 * @param change the record that should be, one version on (`changed`, `withServer`); the same object: nothing to change
 * @returns undefined if the session is not there
 * Throws `server.busy` if others were faster again and again, and `StoreUnavailable`.
 */
export async function updateRecord(
  context: UpdateContext,
  id: SessionId,
  change: (record: SessionRecord) => SessionRecord,
): Promise<Updated | undefined> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    // The first retry comes at once: two servers of one session that start together meet here all the time.
    if (attempt > 1) await context.clock.sleep(backoffDelay(BACKOFF, attempt, context.random()));
    const record = await context.store.peek(id);
    if (!record) return undefined;
    const next = change(record);
    if (next === record) return { record, written: false };
    if (await context.store.replace(next)) return { record: next, written: true };
  }
  throw new AppError('server.busy', 'Too many changes to this session at once: try again', { retryAfter: 1 });
}
