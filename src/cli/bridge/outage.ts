import type { Clock } from '../../core/clock.ts';
import { messageOf } from '../../core/errors.ts';

/** A restart of the manager takes less, and is nothing to speak of. */
const TELL_AFTER_MS = 3000;

/** Tells people once that the gateway does not answer, whichever messages wait for it, and is quiet until it has answered. */
export class Outage {
  readonly #clock: Clock;
  readonly #tell: (text: string) => void;
  #told = false;

  constructor(clock: Clock, tell: (text: string) => void) {
    this.#clock = clock;
    this.#tell = tell;
  }

  /** Another attempt came to nothing. @param since of the last sign of life, or the first attempt */
  failed(error: unknown, since: number): void {
    if (this.#told || error === undefined || this.#clock.now() - since < TELL_AFTER_MS) return;
    this.#told = true;
    this.#tell(`${messageOf(error)}; trying again until it answers`);
  }

  over(): void {
    this.#told = false;
  }
}
