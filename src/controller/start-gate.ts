/** A start's place in the line. Disposal leaves the line, or makes way for the next. */
export interface Turn extends Disposable {
  /** Others are before it. */
  readonly waits: boolean;
  /** Resolves when it is let in; rejects with the reason of `signal` when that aborts first. */
  come(signal: AbortSignal): Promise<void>;
}

/**
 * Lets in so many starts at once, first come, first served: a machine that is to start everything at the same time, as after
 * its engine was restarted, would else start nothing in time.
 */
export class StartGate {
  readonly #places: number;
  #inside = 0;
  readonly #line = new Set<() => void>();

  /** @param places how many may start at the same time */
  constructor(places: number) {
    this.#places = places;
  }

  /** Takes a place, or stands in line for one. */
  enter(): Turn {
    const { promise, resolve } = Promise.withResolvers<void>();
    const waits = this.#inside >= this.#places;
    if (waits) this.#line.add(resolve);
    else this.#inside += 1;
    return {
      waits,
      come: async (signal) => {
        if (!this.#line.has(resolve)) return;
        const aborted = Promise.withResolvers<never>();
        const onAbort = () => aborted.reject(signal.reason);
        if (signal.aborted) onAbort();
        signal.addEventListener('abort', onAbort, { once: true });
        try {
          await Promise.race([promise, aborted.promise]);
        } finally {
          signal.removeEventListener('abort', onAbort);
        }
      },
      [Symbol.dispose]: () => {
        if (!this.#line.delete(resolve)) this.#leave();
      },
    };
  }

  /** Who has been in line for longest takes the place. */
  #leave(): void {
    const [next] = this.#line;
    if (next) {
      this.#line.delete(next);
      next();
    } else this.#inside -= 1;
  }
}
