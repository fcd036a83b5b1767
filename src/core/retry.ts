/** Full-jitter exponential backoff. */
export interface Backoff {
  /** Upper bound of the first delay, milliseconds. */
  readonly baseMs: number;
  /** Upper bound of every delay, milliseconds. */
  readonly maxMs: number;
}

/**
 * The delay before attempt `failures + 1`, in milliseconds: uniform between 0 and `min(maxMs, baseMs * 2^(failures-1))`.
 * @param failures consecutive failures so far, at least 1
 * @param random a number in [0, 1)
 */
export function backoffDelay(backoff: Backoff, failures: number, random: number): number {
  const bound = Math.min(backoff.maxMs, backoff.baseMs * 2 ** Math.min(failures - 1, 30));
  return Math.floor(bound * random);
}
