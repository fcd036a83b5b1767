import type { Clock } from '../../core/clock.ts';

/** Calls in a row that found a host unreachable, at which it is asked no more. */
const THRESHOLD = 5;
/** For how long; then one call probes it, milliseconds. */
const OPEN_MS = 15_000;

/** A circuit breaker for one host: calls fail at once while it is known to be out of reach. */
export class Breaker {
  readonly #clock: Clock;
  #failures = 0;
  #openUntil = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Milliseconds until a call is let through; 0: this one is. What is let through must be followed by `reached` or `missed`. */
  waitMs(): number {
    if (this.#failures < THRESHOLD) return 0;
    const left = this.#openUntil - this.#clock.now();
    if (left > 0) return left;
    // Half open: this call is the probe, and the next ones wait for what becomes of it.
    this.#openUntil = this.#clock.now() + OPEN_MS;
    return 0;
  }

  /** The host answered, whatever it said. */
  reached(): void {
    this.#failures = 0;
  }

  missed(): void {
    this.#failures++;
    this.#openUntil = this.#clock.now() + OPEN_MS;
  }
}
