const EVERY_MS = 10;
/** Less is a timer's own way of being late. */
const LATE_MS = 5;

/**
 * How late the event loop is: what it gets to has lain in a socket meanwhile, and nobody noted when it came. Told by a timer that is
 * due each 10 ms and late by as much. It knows the longest that anything can have waited, not how long each thing did. The first
 * request of a connection waits to be accepted, too, which this does not see: balancers keep their connections.
 */
export class LoopLateness implements Disposable {
  readonly #timer: NodeJS.Timeout;
  #dueAt = performance.now() + EVERY_MS;
  /** Of this turn of the loop: sockets come right after timers, immediates after them. */
  #late = 0;
  #struckAt = 0;

  constructor() {
    this.#timer = setInterval(() => this.#strike(), EVERY_MS).unref();
  }

  /**
   * How long what the loop got to at `now` has waited for it at the most, milliseconds. Up to 15 ms of it are not seen.
   * @param now `performance.now()`; of an earlier turn of the loop nothing is known
   */
  at(now: number): number {
    if (now < this.#struckAt) return 0;
    const late = now - this.#dueAt;
    return late < LATE_MS ? this.#late : Math.max(this.#late, late);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #strike(): void {
    const now = performance.now();
    const late = now - this.#dueAt;
    this.#dueAt = now + EVERY_MS;
    this.#struckAt = now;
    if (late < LATE_MS) return;
    this.#late = late;
    setImmediate(() => {
      this.#late = 0;
    });
  }
}
