/**
 * Reads an event stream (HTML Living Standard, section 9.2.6, "Interpreting an event stream") in chunks cut anywhere.
 * Event types are not told apart: Streamable HTTP has `message` only.
 */
export class SseParser {
  readonly #decoder = new TextDecoder();
  readonly #data: string[] = [];
  #partial = '';
  #afterCr = false;
  #lastEventId: string | undefined;
  #retryMs: number | undefined;

  /** The id of the last event that was complete, also of one without data; undefined before the first. */
  get lastEventId(): string | undefined {
    return this.#lastEventId;
  }
  #eventId: string | undefined;

  /** What the server wants between two attempts, milliseconds. */
  get retryMs(): number | undefined {
    return this.#retryMs;
  }

  /** Takes bytes in; returns the data of the events that are complete. */
  push(chunk: Uint8Array): string[] {
    const text = this.#decoder.decode(chunk, { stream: true });
    if (text === '') return [];
    const start = this.#afterCr && text.startsWith('\n') ? 1 : 0;
    this.#afterCr = text.endsWith('\r');
    const lines = text.slice(start).split(/\r\n|\n|\r/);
    lines[0] = this.#partial + lines[0];
    this.#partial = lines.pop() ?? '';
    return lines.flatMap((line) => this.#take(line));
  }

  /** One line; returns the data of the event that it completes. */
  #take(line: string): string[] {
    if (line === '') return this.#dispatch();
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (field === 'data') this.#data.push(value);
    else if (field === 'id' && !value.includes('\0')) this.#eventId = value;
    else if (field === 'retry' && /^\d+$/.test(value)) this.#retryMs = Number(value);
    return [];
  }

  #dispatch(): string[] {
    this.#lastEventId = this.#eventId;
    const data = this.#data.splice(0).join('\n');
    return data === '' ? [] : [data];
  }
}
