import type { Clock } from '../../core/clock.ts';
import type { Backoff } from '../../core/retry.ts';
import { backoffDelay } from '../../core/retry.ts';
import type { Outage } from './outage.ts';

const BACKOFF: Backoff = { baseMs: 100, maxMs: 5_000 };
/** An answer that breaks off sooner is one more failure: the gateway that gave it may do so for ever. */
const STEADY_MS = 5_000;
/** What every attempt may take, also the last one. */
const LAST_ATTEMPT_MS = 1_000;

/** How long one message waits without a sign of life of the gateway. Time with one that answers does not count. */
export class Patience {
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #limitMs: () => number;
  readonly #outage: Outage;
  #failures = 0;
  /** Of the last sign of life; in the beginning, now. */
  #since: number;
  #answeredAt: number | undefined;

  /** @param limitMs milliseconds; may be infinite */
  constructor(clock: Clock, random: () => number, limitMs: () => number, outage: Outage) {
    this.#clock = clock;
    this.#random = random;
    this.#limitMs = limitMs;
    this.#outage = outage;
    this.#since = clock.now();
  }

  /** How long the next attempt may wait for its answer, milliseconds. */
  get left(): number {
    return Math.max(this.#left(), Math.min(this.#limitMs(), LAST_ATTEMPT_MS));
  }

  /** The gateway begins to answer. */
  answered(): void {
    this.#answeredAt = this.#clock.now();
    this.#outage.over();
  }

  /** Something new came: the next failure begins an outage of its own. */
  renew(): void {
    this.#since = this.#clock.now();
    this.#failures = 0;
  }

  /**
   * Waits before the next attempt, with full jitter; rejects with `error` once the limit is reached.
   * @param leastMs what the server asked for, milliseconds
   */
  async wait(error: unknown, signal: AbortSignal, leastMs = 0): Promise<void> {
    if (this.#answeredAt !== undefined && this.#clock.now() - this.#answeredAt >= STEADY_MS) this.renew();
    this.#answeredAt = undefined;
    this.#failures += 1;
    const left = this.#left();
    if (left <= 0) throw error;
    this.#outage.failed(error, this.#since);
    const delay = leastMs + backoffDelay(BACKOFF, this.#failures, this.#random());
    await this.#clock.sleep(Math.min(delay, left), signal);
  }

  #left(): number {
    return this.#since + this.#limitMs() - this.#clock.now();
  }
}
