/** The last so many different values: the one that was added longest ago makes way. */
export class Recent<T> {
  readonly #values = new Set<T>();
  readonly #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  has(value: T): boolean {
    return this.#values.has(value);
  }

  /** False: it is there already. */
  add(value: T): boolean {
    if (this.#values.has(value)) return false;
    this.#values.add(value);
    if (this.#values.size > this.#most) this.#values.delete(this.#values.values().next().value as T);
    return true;
  }
}
