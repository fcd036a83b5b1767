import { systemClock } from '../../src/core/clock.ts';

/** Far above what anything takes, on a machine that is slow and stalls. */
const DEADLINE_MS = 60_000;
const EVERY_MS = 20;

/**
 * The first truthy value of `look`, tried again and again; throws after `deadlineMs`. A `look` that rejects counts as not
 * yet.
 */
export async function eventually<T>(
  what: string,
  look: () => Promise<T>,
  deadlineMs = DEADLINE_MS,
): Promise<NonNullable<T>> {
  const giveUpAt = Date.now() + deadlineMs;
  for (;;) {
    // Known before the look: the last one is after the deadline, however long the machine stood still.
    const isLast = Date.now() >= giveUpAt;
    let last: unknown;
    try {
      const value = await look();
      if (value) return value;
      last = value;
    } catch (error) {
      last = error;
    }
    if (isLast) throw new Error(`not within ${deadlineMs} ms: ${what}`, { cause: last });
    await systemClock.sleep(EVERY_MS);
  }
}
