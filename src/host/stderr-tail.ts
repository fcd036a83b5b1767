/** The end of what a server wrote to stderr: for `status` and for errors. */
export class StderrTail {
  readonly #max: number;
  #text = '';

  /** @param max characters kept */
  constructor(max = 2048) {
    this.#max = max;
  }

  add(text: string): void {
    this.#text = (this.#text + text).slice(-this.#max);
  }

  toString(): string {
    return this.#text.trim();
  }
}
