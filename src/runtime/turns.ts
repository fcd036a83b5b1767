interface Lane {
  tail: Promise<unknown>;
  waiting: number;
  cancel: AbortController;
}

/** Lets tasks with the same key run one after another, in the order in which they came. */
export class Turns {
  readonly #lanes = new Map<string, Lane>();

  /** Runs `task` when all before it under `key` are done; its signal aborts with `cancel`. */
  async run<T>(key: string, task: (cancelled: AbortSignal) => Promise<T>): Promise<T> {
    const lane = this.#lanes.get(key) ?? { tail: Promise.resolve(), waiting: 0, cancel: new AbortController() };
    this.#lanes.set(key, lane);
    const { signal } = lane.cancel;
    const turn = lane.tail.then(() => task(signal));
    lane.tail = turn.catch(() => {});
    lane.waiting++;
    try {
      return await turn;
    } finally {
      if (--lane.waiting === 0) this.#lanes.delete(key);
    }
  }

  /** Aborts the signals of all tasks that run or wait under `key` now. */
  cancel(key: string, reason: Error): void {
    const lane = this.#lanes.get(key);
    if (!lane) return;
    lane.cancel.abort(reason);
    lane.cancel = new AbortController();
  }
}
