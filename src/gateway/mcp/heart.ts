import type { ServerResponse } from 'node:http';

/** A comment: nobody takes it for an event. */
const BEAT = ': \n\n';

/**
 * Knows the answers that are not complete. It keeps open streams alive through whatever closes silent connections, by a
 * comment on each from time to time, and sends their clients elsewhere when this gateway ends.
 */
export class Heart implements Disposable {
  readonly #streams = new Set<ServerResponse>();
  readonly #movers = new Set<() => void>();
  readonly #lastWords = new Set<() => void>();
  #ending = false;
  #isCut = false;
  readonly #timer: NodeJS.Timeout;

  /** @param everyMs between two comments, milliseconds */
  constructor(everyMs: number) {
    this.#timer = setInterval(() => {
      // One that has ended may still be on its way to a slow client: to write to it would be an error.
      for (const stream of this.#streams) if (!stream.writableNeedDrain && !stream.writableEnded) stream.write(BEAT);
    }, everyMs);
    this.#timer.unref();
  }

  add(stream: ServerResponse): void {
    this.#streams.add(stream);
  }

  remove(stream: ServerResponse): void {
    this.#streams.delete(stream);
  }

  /**
   * Has `move` called when this gateway ends, or now, if it does already.
   * @returns the opposite: the answer is complete
   */
  onEnd(move: () => void): () => void {
    if (this.#ending) queueMicrotask(move);
    else this.#movers.add(move);
    return () => void this.#movers.delete(move);
  }

  /**
   * Has `say` called when the connections that are left are about to be cut, or now, if they are already.
   * @returns the opposite: the answer is complete
   */
  onCut(say: () => void): () => void {
    if (this.#isCut) queueMicrotask(say);
    else this.#lastWords.add(say);
    return () => void this.#lastWords.delete(say);
  }

  /** The time is over that answers were given to finish: who still waits is told. */
  cut(): void {
    this.#isCut = true;
    for (const say of this.#lastWords) say();
    this.#lastWords.clear();
  }

  /** This gateway ends: whoever can go on elsewhere does. */
  endAll(): void {
    this.#ending = true;
    for (const move of this.#movers) move();
    this.#movers.clear();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
