import { closeSync, constants, fstatSync, openSync, renameSync, writeSync } from 'node:fs';

/**
 * A log file with a bound: when it is full it becomes `{path}.1` (replacing the one before) and a new one is begun. Writes
 * are synchronous, so that a process that ends has said everything.
 */
export class RotatingFile {
  readonly #path: string;
  readonly #maxBytes: number;
  #fd: number;
  #bytes: number;

  /** @param maxBytes of one file; twice as much is on the disk at the most */
  constructor(path: string, maxBytes = 5 << 20) {
    this.#path = path;
    this.#maxBytes = maxBytes;
    this.#fd = open(path);
    this.#bytes = fstatSync(this.#fd).size;
  }

  /** Appends one line, with its line break. A disk that is full loses the line, not the process. */
  write(line: string): void {
    try {
      if (this.#bytes > 0 && this.#bytes + line.length > this.#maxBytes) this.#rotate();
      this.#bytes += writeSync(this.#fd, line);
    } catch {
      // nowhere to say it
    }
  }

  #rotate(): void {
    renameSync(this.#path, `${this.#path}.1`);
    closeSync(this.#fd);
    this.#fd = open(this.#path);
    this.#bytes = 0;
  }
}

/** For this user alone, and never through a link. */
function open(path: string): number {
  const { O_APPEND, O_CREAT, O_NOFOLLOW, O_WRONLY } = constants;
  return openSync(path, O_APPEND | O_CREAT | O_NOFOLLOW | O_WRONLY, 0o600);
}
