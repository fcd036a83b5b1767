/** Runs tasks one at a time per key. Requests that come while one runs share one more run, which sees what they saw. */
export class Serial {
  readonly #slots = new Map<string, { current: Promise<void>; next?: Promise<void> }>();

  /** Resolves, or rejects, with a run of `task` that began after this call. */
  run(key: string, task: () => Promise<void>): Promise<void> {
    const slot = this.#slots.get(key);
    if (!slot) return this.#begin(key, task);
    slot.next ??= slot.current.then(
      () => this.#begin(key, task),
      () => this.#begin(key, task), // whoever asked for that run hears of its failure
    );
    return slot.next;
  }

  /** Whether a task runs or waits under a key that begins with `prefix`. */
  isBusy(prefix: string): boolean {
    for (const key of this.#slots.keys()) if (key.startsWith(prefix)) return true;
    return false;
  }

  /** Resolves when what runs now under keys that begin with `prefix` is done, however it ends. */
  async settled(prefix: string): Promise<void> {
    const running = [...this.#slots].filter(([key]) => key.startsWith(prefix));
    await Promise.allSettled(running.map(([, { current }]) => current));
  }

  #begin(key: string, task: () => Promise<void>): Promise<void> {
    const current = task().finally(() => {
      if (this.#slots.get(key) === slot && !slot.next) this.#slots.delete(key);
    });
    const slot: { current: Promise<void>; next?: Promise<void> } = { current };
    this.#slots.set(key, slot);
    return current;
  }
}
