import { statSync } from 'node:fs';
import { messageOf } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';

/** Files that may be changed while the program runs: what is in them counts from their next use on. */
export class Reread<T> {
  readonly #files: readonly string[];
  readonly #read: () => T;
  readonly #log: Logger;
  readonly #onChange: () => void;
  #seen: string;
  #value: T;

  /**
   * @param read throws for a file that cannot be used: the program does not start with it
   * @param onChange is called after each other reading that could be used
   */
  constructor(files: readonly string[], read: () => T, log: Logger, onChange: () => void = () => {}) {
    this.#files = files;
    this.#read = read;
    this.#log = log;
    this.#onChange = onChange;
    this.#value = read();
    this.#seen = this.#state();
  }

  /** What is in the files. One that cannot be used any more leaves all as it was, and is told once. */
  get value(): T {
    const now = this.#state();
    if (now === this.#seen) return this.#value;
    this.#seen = now;
    try {
      this.#value = this.#read();
      this.#log.info({ files: this.#files }, 'read again');
      this.#onChange();
    } catch (error) {
      this.#log.error(
        { files: this.#files, reason: messageOf(error) },
        'a changed file cannot be used: nothing changes',
      );
    }
    return this.#value;
  }

  #state(): string {
    return this.#files.map(stateOf).join('/');
  }
}

/** Another one for another content. */
function stateOf(file: string): string {
  const found = statSync(file, { throwIfNoEntry: false });
  return found ? `${found.ino} ${found.size} ${found.mtimeMs}` : '';
}
