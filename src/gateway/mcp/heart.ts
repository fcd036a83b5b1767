import type { ServerResponse } from 'node:http';

const BEAT = ': \n\n';

/** Keeps open streams alive through whatever closes silent connections: a comment on each from time to time. */
export class Heart implements Disposable {
  readonly #streams = new Set<ServerResponse>();
  readonly #timer: NodeJS.Timeout;

  /** @param everyMs between two comments, milliseconds */
  constructor(everyMs: number) {
    this.#timer = setInterval(() => {
      for (const stream of this.#streams) if (!stream.writableNeedDrain) stream.write(BEAT);
    }, everyMs);
    this.#timer.unref();
  }

  add(stream: ServerResponse): void {
    this.#streams.add(stream);
  }

  remove(stream: ServerResponse): void {
    this.#streams.delete(stream);
  }

  /** Ends all streams cleanly: their clients come back to whoever serves then. */
  endAll(): void {
    for (const stream of this.#streams) stream.end();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
