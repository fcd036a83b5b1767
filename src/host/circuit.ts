import type { Clock } from '../core/clock.ts';
import { type FailurePolicy, waitAfter } from '../core/failure-policy.ts';

export const CIRCUIT: FailurePolicy = {
  backoff: { baseMs: 100, maxMs: 10_000 },
  threshold: 5,
  openMs: 30_000,
  healthyMs: 10_000,
};

export type Permission =
  /** Start, but not before `notBefore`. */
  | { readonly go: true; readonly notBefore: number }
  /** Do not; ask again at `until`. */
  | { readonly go: false; readonly until: number };

/**
 * When a server that keeps dying may be started again: backoff with full jitter, then a circuit breaker with one probe at a
 * time when it is half-open.
 */
export class Circuit {
  readonly #policy: FailurePolicy;
  readonly #clock: Clock;
  readonly #random: () => number;
  #failures = 0;
  #retryAt = 0;
  #probing = false;

  constructor(policy: FailurePolicy, clock: Clock, random: () => number = Math.random) {
    this.#policy = policy;
    this.#clock = clock;
    this.#random = random;
  }

  get state(): 'closed' | 'half-open' | 'open' {
    if (this.#failures < this.#policy.threshold) return 'closed';
    return this.#clock.now() < this.#retryAt ? 'open' : 'half-open';
  }

  /** Asks to start a server. What is let through must be followed by `succeeded`, `failed` or `abandoned`. */
  ask(): Permission {
    const state = this.state;
    if (state === 'closed') return { go: true, notBefore: this.#retryAt };
    if (state === 'open') return { go: false, until: this.#retryAt };
    if (this.#probing) return { go: false, until: this.#clock.now() + this.#policy.backoff.baseMs };
    this.#probing = true;
    return { go: true, notBefore: 0 };
  }

  /** A server was started and answered. */
  succeeded(): void {
    this.#probing = false;
    if (this.#failures >= this.#policy.threshold) this.#failures = this.#policy.threshold - 1;
  }

  /** The start was given up by whoever wanted it, which says nothing about the server. */
  abandoned(): void {
    this.#probing = false;
  }

  /** A server could not be started, or ended by itself after `ranMs` milliseconds. */
  failed(ranMs: number): void {
    this.#probing = false;
    this.#failures = ranMs >= this.#policy.healthyMs ? 1 : this.#failures + 1;
    this.#retryAt = this.#clock.now() + waitAfter(this.#policy, this.#failures, this.#random());
  }
}
