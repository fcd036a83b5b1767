import type { Clock } from '../core/clock.ts';
import type { EgressReason } from '../core/egress.ts';
import type { Logger } from '../core/logger.ts';

/** One line for the same in this time, milliseconds: an instance must not be able to fill the log. */
const EVERY_MS = 10_000;
/** Different ones that are remembered. */
const CAPACITY = 1000;

export interface Refusal {
  readonly reason: EgressReason;
  /** Absent: whoever asked did not prove who it is. */
  readonly session?: string;
  readonly server?: string;
  /** What was asked for, as far as it is a host and a port. */
  readonly target?: string;
}

/** Logs what was refused, each kind of it for each instance once in a while, with how often it came since. */
export class RefusalLog {
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #seen = new Map<string, { readonly at: number; more: number }>();

  constructor(log: Logger, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  note(refusal: Refusal): void {
    const key = JSON.stringify([refusal.session, refusal.server, refusal.reason]);
    const now = this.#clock.now();
    const seen = this.#seen.get(key);
    if (seen && now - seen.at < EVERY_MS) {
      seen.more++;
      return;
    }
    this.#seen.delete(key);
    for (const oldest of this.#seen.keys()) {
      if (this.#seen.size < CAPACITY) break;
      this.#seen.delete(oldest);
    }
    this.#seen.set(key, { at: now, more: 0 });
    this.#log.warn({ ...refusal, ...(seen?.more ? { unlogged: seen.more } : {}) }, 'connection refused');
  }
}
