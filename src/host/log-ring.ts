import type { LogLine } from '../core/api.ts';
import type { LogQuery, NumberedLine } from '../core/host-logs.ts';

/** What a line takes besides its text, bytes, about. */
const OVERHEAD = 120;

type Listener = (line: NumberedLine) => void;

/** The last lines of a log, with a bound. */
export class LogRing {
  readonly #maxBytes: number;
  readonly #lines: NumberedLine[] = [];
  readonly #listeners = new Set<Listener>();
  #bytes = 0;
  #n = 0;

  /** @param maxBytes kept, about */
  constructor(maxBytes = 256 << 10) {
    this.#maxBytes = maxBytes;
  }

  add(line: LogLine): void {
    this.#n += 1;
    const numbered = { n: this.#n, line };
    this.#lines.push(numbered);
    this.#bytes += sizeOf(line);
    let extra = 0;
    while (this.#bytes > this.#maxBytes && extra < this.#lines.length - 1) {
      this.#bytes -= sizeOf((this.#lines[extra] as NumberedLine).line);
      extra += 1;
    }
    if (extra > 0) this.#lines.splice(0, extra);
    for (const listener of this.#listeners) listener(numbered);
  }

  /** Oldest first. */
  lines({ since, after, tail }: LogQuery): readonly NumberedLine[] {
    const wanted = this.#lines.filter(
      ({ n, line }) => (since === undefined || line.time >= since) && (after === undefined || n > after),
    );
    return tail === undefined ? wanted : wanted.slice(Math.max(0, wanted.length - tail));
  }

  /** Calls `listener` for each line from now on, until disposed. */
  follow(listener: Listener): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }
}

const sizeOf = ({ text }: LogLine): number => text.length + OVERHEAD;
