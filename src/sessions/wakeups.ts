import type { Clock } from '../core/clock.ts';
import type { SessionId } from '../core/ids.ts';
import type { Signals } from '../core/signals.ts';
import { within } from '../core/within.ts';

/** Waits for signals about one session. A signal that comes while nobody waits is kept for the next wait. */
export class Wakeups implements Disposable {
  readonly #clock: Clock;
  readonly #subscription: Disposable;
  #woken = Promise.withResolvers<void>();

  constructor(signals: Signals, clock: Clock, session: SessionId) {
    this.#clock = clock;
    this.#subscription = signals.subscribe((id) => {
      if (id === session) this.#woken.resolve();
    });
  }

  /** Resolves at the next signal, or after `ms` milliseconds; rejects with the reason of `signal` when it aborts. */
  async next(ms: number, signal: AbortSignal): Promise<void> {
    const late = new Error('no signal');
    await within(
      this.#clock,
      ms,
      () => late,
      () => this.#woken.promise,
      signal,
    ).catch((error: unknown) => {
      if (error !== late) throw error;
    });
    this.#woken = Promise.withResolvers<void>();
  }

  [Symbol.dispose](): void {
    this.#subscription[Symbol.dispose]();
  }
}
