import type { Clock } from '../../core/clock.ts';
import type { Backoff } from '../../core/retry.ts';
import { backoffDelay } from '../../core/retry.ts';

const BACKOFF: Backoff = { baseMs: 100, maxMs: 5_000 };

/** How long one message waits for a gateway that does not take it. Time with a gateway that answers does not count. */
export class Patience {
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #limitMs: number;
  #failures = 0;
  #since = 0;

  constructor(clock: Clock, random: () => number, limitMs: number) {
    this.#clock = clock;
    this.#random = random;
    this.#limitMs = limitMs;
  }

  /** A gateway answered: the next outage is a new one. */
  renew(): void {
    this.#failures = 0;
  }

  /**
   * Waits before the next attempt, with full jitter; rejects with `error` once the limit is reached.
   * @param leastMs what the server asked for, milliseconds
   */
  async wait(error: unknown, signal: AbortSignal, leastMs = 0): Promise<void> {
    const now = this.#clock.now();
    if (this.#failures === 0) this.#since = now;
    this.#failures += 1;
    const left = this.#since + this.#limitMs - now;
    if (left <= 0) throw error;
    const delay = leastMs + backoffDelay(BACKOFF, this.#failures, this.#random());
    await this.#clock.sleep(Math.min(delay, left), signal);
  }
}
