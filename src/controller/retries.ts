import type { Clock } from '../core/clock.ts';

/** Looks that are due at a certain time: for each key the one that was asked for last. */
export class Retries {
  readonly #clock: Clock;
  readonly #stop: AbortSignal;
  readonly #due = new Map<string, number>();

  /** @param stop nothing is due any more */
  constructor(clock: Clock, stop: AbortSignal) {
    this.#clock = clock;
    this.#stop = stop;
  }

  /**
   * Resolves when the look is done, or another one has taken its place. Throws what the look throws, and the reason of `stop`.
   * @param until milliseconds since the epoch
   */
  async at(key: string, until: number, look: () => Promise<void>): Promise<void> {
    if (this.#due.get(key) === until) return;
    this.#due.set(key, until);
    await this.#clock.sleep(Math.max(0, until - this.#clock.now()), this.#stop);
    if (this.#due.get(key) !== until) return;
    this.#due.delete(key);
    await look();
  }
}
