import { type Backoff, backoffDelay } from '../core/retry.ts';
import type { ServerState } from '../core/session.ts';

/** When a server that has failed is tried again. */
export interface FailurePolicy {
  readonly backoff: Backoff;
  /** Consecutive failures that open the circuit: from then on it is tried only now and then, one start at a time. */
  readonly threshold: number;
  /** Shortest time between two such tries, milliseconds. */
  readonly openMs: number;
  /** An instance that has run for this long was healthy: its end is a first failure again, milliseconds. */
  readonly healthyMs: number;
}

export const FAILURE_POLICY: FailurePolicy = {
  backoff: { baseMs: 200, maxMs: 30_000 },
  threshold: 5,
  openMs: 60_000,
  healthyMs: 60_000,
};

export interface Failure {
  readonly incarnation: number;
  readonly reason: string;
  readonly stderr: string | undefined;
  /** Trying again cannot help before somebody changes something. */
  readonly definite: boolean;
}

/** Consecutive failures before now. */
export function failuresOf(state: ServerState, now: number, policy: FailurePolicy): number {
  if (!('failures' in state)) return 0;
  if (state.phase === 'ready' && now - state.since >= policy.healthyMs) return 0;
  return state.failures ?? 0;
}

/**
 * What `before` becomes with one failure more.
 * @param random a number in [0, 1)
 */
export function failedState(
  before: ServerState,
  { incarnation, reason, stderr, definite }: Failure,
  now: number,
  random: number,
  policy: FailurePolicy,
): ServerState & { phase: 'failed' } {
  const failures = failuresOf(before, now, policy) + 1;
  const open = failures >= policy.threshold ? policy.openMs : 0;
  return {
    phase: 'failed',
    incarnation,
    since: now,
    reason,
    failures,
    ...(stderr ? { stderr } : {}),
    ...(definite ? {} : { retryAt: now + open + backoffDelay(policy.backoff, failures, random) }),
  };
}
