import type { Clock } from '../core/clock.ts';
import { StoreEmptied, StoreUnavailable } from '../core/errors.ts';
import { backoffDelay } from '../core/retry.ts';
import { within } from '../core/within.ts';

const BACKOFF = { baseMs: 50, maxMs: 500 };

/** The store does not answer at all. One that was emptied does; who waits for that is `CompleteStore`. */
export const isOutage = (error: unknown): error is StoreUnavailable =>
  error instanceof StoreUnavailable && !(error instanceof StoreEmptied);

/**
 * What `look` finds as soon as the store can be asked: while it is out of reach it is asked again, for `holdMs` milliseconds.
 * For reads alone: a write that was not answered may have been done.
 * @param onWait called when it is out of reach
 * @throws StoreUnavailable if it takes longer; what else `look` throws
 */
export async function outlast<T>(
  clock: Clock,
  holdMs: number,
  look: () => Promise<T>,
  onWait: () => void = () => {},
): Promise<T> {
  let outage: StoreUnavailable;
  try {
    return await look();
  } catch (error) {
    if (!isOutage(error)) throw error;
    outage = error;
    onWait();
  }
  const again = async (signal: AbortSignal): Promise<T> => {
    for (let failures = 1; ; failures++) {
      await clock.sleep(backoffDelay(BACKOFF, failures, Math.random()) + 1, signal);
      try {
        return await look();
      } catch (error) {
        if (!isOutage(error)) throw error;
        outage = error;
      }
    }
  };
  return within(clock, holdMs, () => outage, again);
}
