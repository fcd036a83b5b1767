/** Lets so many work at once; the others wait until it is their turn, in the order in which they came. */
export class Lanes {
  #free: number;
  readonly #waiting = new Set<() => void>();

  constructor(count: number) {
    this.#free = count;
  }

  /** Rejects with the reason of `signal` if it aborts while this waits. */
  async run<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    await this.#turn(signal);
    try {
      return await work();
    } finally {
      const [next] = this.#waiting;
      if (next) next();
      else this.#free += 1;
    }
  }

  async #turn(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#free > 0) {
      this.#free -= 1;
      return;
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const give = () => {
      this.#waiting.delete(give);
      resolve();
    };
    const leave = () => {
      // Once it has its turn, the work itself hears of it.
      if (this.#waiting.delete(give)) reject(signal.reason);
    };
    this.#waiting.add(give);
    signal.addEventListener('abort', leave, { once: true });
    await promise.finally(() => signal.removeEventListener('abort', leave));
  }
}
