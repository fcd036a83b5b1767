import { systemClock } from '../../src/core/clock.ts';

const DEADLINE_MS = 15_000;
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
  let last: unknown;
  while (Date.now() < giveUpAt) {
    try {
      const value = await look();
      if (value) return value;
      last = value;
    } catch (error) {
      last = error;
    }
    await systemClock.sleep(EVERY_MS);
  }
  throw new Error(`not within ${deadlineMs} ms: ${what}`, { cause: last });
}
