import type { Clock } from '../core/clock.ts';
import { type Backoff, backoffDelay } from '../core/retry.ts';

export interface CircuitOptions {
  readonly backoff: Backoff;
  /** Consecutive failures at which the circuit opens. */
  readonly threshold: number;
  /** How long it stays open before one start is let through to probe, milliseconds. */
  readonly openMs: number;
  /** A server that ran this long was well: the count of failures starts anew, milliseconds. */
  readonly stableMs: number;
}

export const CIRCUIT: CircuitOptions = {
  backoff: { baseMs: 100, maxMs: 10_000 },
  threshold: 5,
  openMs: 30_000,
  stableMs: 10_000,
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
  readonly #options: CircuitOptions;
  readonly #clock: Clock;
  readonly #random: () => number;
  #failures = 0;
  #notBefore = 0;
  #openUntil = 0;
  #probing = false;

  constructor(options: CircuitOptions, clock: Clock, random: () => number = Math.random) {
    this.#options = options;
    this.#clock = clock;
    this.#random = random;
  }

  get state(): 'closed' | 'half-open' | 'open' {
    if (this.#failures < this.#options.threshold) return 'closed';
    return this.#clock.now() < this.#openUntil ? 'open' : 'half-open';
  }

  /** Asks to start a server. What is let through must be followed by `succeeded`, `failed` or `abandoned`. */
  ask(): Permission {
    const state = this.state;
    if (state === 'closed') return { go: true, notBefore: this.#notBefore };
    if (state === 'open') return { go: false, until: this.#openUntil };
    if (this.#probing) return { go: false, until: this.#clock.now() + this.#options.backoff.baseMs };
    this.#probing = true;
    return { go: true, notBefore: 0 };
  }

  /** A server was started and answered. */
  succeeded(): void {
    this.#probing = false;
    if (this.#failures >= this.#options.threshold) this.#failures = this.#options.threshold - 1;
  }

  /** The start was given up by whoever wanted it, which says nothing about the server. */
  abandoned(): void {
    this.#probing = false;
  }

  /** A server could not be started, or ended by itself after `ranMs` milliseconds. */
  failed(ranMs: number): void {
    this.#probing = false;
    this.#failures = ranMs >= this.#options.stableMs ? 1 : this.#failures + 1;
    const now = this.#clock.now();
    this.#notBefore = now + backoffDelay(this.#options.backoff, this.#failures, this.#random());
    if (this.#failures >= this.#options.threshold) this.#openUntil = now + this.#options.openMs;
  }
}
