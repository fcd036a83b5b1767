import { type Backoff, backoffDelay } from './retry.ts';

/** When something that has failed is tried again: backoff with full jitter, then a circuit breaker. */
export interface FailurePolicy {
  readonly backoff: Backoff;
  /** Consecutive failures that open the circuit: from then on it is tried only now and then, one start at a time. */
  readonly threshold: number;
  /** Shortest time between two such tries, milliseconds. */
  readonly openMs: number;
  /** What has run for this long was healthy: its end is a first failure again, milliseconds. */
  readonly healthyMs: number;
}

/**
 * Time until the next try, milliseconds.
 * @param failures in a row, at least 1
 * @param random a number in [0, 1)
 */
export function waitAfter(policy: FailurePolicy, failures: number, random: number): number {
  const open = failures >= policy.threshold ? policy.openMs : 0;
  return open + backoffDelay(policy.backoff, failures, random);
}
