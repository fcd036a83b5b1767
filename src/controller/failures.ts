import { type FailurePolicy, waitAfter } from '../core/failure-policy.ts';
import { backoffDelay } from '../core/retry.ts';
import type { ServerState } from '../core/session.ts';

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
  /**
   * `definite`: trying again cannot help before somebody changes something; `unconfigured`: nor has anybody asked for it. `outage`: the runtime could not even try, which is
   * no failure of the server, and is tried again for as long as it takes.
   */
  readonly kind: 'failure' | 'definite' | 'unconfigured' | 'outage';
}

/** What a start carries on from before: what has gone wrong in a row. */
export function burdenOf(
  state: ServerState,
  now: number,
  policy: FailurePolicy,
): { readonly failures?: number; readonly outages?: number } {
  const failures = failuresOf(state, now, policy);
  const outages = outagesOf(state);
  return { ...(failures > 0 ? { failures } : {}), ...(outages > 0 ? { outages } : {}) };
}

/** It failed so often in a row that it is not tried again for a while. */
export const isCircuitOpen = (state: ServerState): boolean =>
  state.phase === 'failed' &&
  state.retryAt !== undefined &&
  state.outages === undefined &&
  state.failures >= FAILURE_POLICY.threshold;

const outagesOf = (state: ServerState): number => ('outages' in state ? (state.outages ?? 0) : 0);

/** Consecutive failures before now. */
function failuresOf(state: ServerState, now: number, policy: FailurePolicy): number {
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
  { incarnation, reason, stderr, kind }: Failure,
  now: number,
  random: number,
  policy: FailurePolicy,
): ServerState & { phase: 'failed' } {
  const outages = kind === 'outage' ? outagesOf(before) + 1 : 0;
  const failures = failuresOf(before, now, policy) + (outages > 0 ? 0 : 1);
  const failed = { phase: 'failed', incarnation, since: now, reason, failures, ...(stderr ? { stderr } : {}) } as const;
  if (kind === 'definite') return failed;
  if (kind === 'unconfigured') return { ...failed, unconfigured: true };
  if (outages > 0) return { ...failed, outages, retryAt: now + backoffDelay(policy.backoff, outages, random) };
  return { ...failed, retryAt: now + waitAfter(policy, failures, random) };
}
