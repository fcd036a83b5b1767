import type { LogLine } from '../../src/core/api.ts';
import { eventually } from './eventually.ts';

/** Whoever follows the log of a session. */
export class LogFollower implements AsyncDisposable {
  readonly lines: LogLine[] = [];
  /** Resolves when the answer has ended by itself; rejects if it broke off. */
  readonly ended: Promise<void>;
  readonly #abort: AbortController;

  private constructor(answer: Response, abort: AbortController) {
    this.#abort = abort;
    this.ended = this.#read(answer);
    this.ended.catch(() => {}); // heard of by whoever waits for it
  }

  /** Throws if the answer is none of 2xx. */
  static async open(url: string, token: string): Promise<LogFollower> {
    const abort = new AbortController();
    const answer = await fetch(url, { headers: { authorization: `Bearer ${token}` }, signal: abort.signal });
    if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
    return new LogFollower(answer, abort);
  }

  /** All lines of an answer that ends. */
  static async all(url: string, token: string): Promise<readonly LogLine[]> {
    await using follower = await LogFollower.open(url, token);
    await follower.ended;
    return follower.lines;
  }

  /** The first line of this kind, waited for. */
  line(isWanted: (line: LogLine) => boolean): Promise<LogLine> {
    return eventually(`a line; there are ${this.lines.length}`, async () => this.lines.find(isWanted));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    await this.ended.catch(() => {}); // broken off from here
  }

  async #read(answer: Response): Promise<void> {
    let begun = '';
    for await (const chunk of (answer.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream())) {
      const lines = (begun + chunk).split('\n');
      begun = lines.pop() ?? '';
      for (const line of lines) this.lines.push(JSON.parse(line) as LogLine);
    }
  }
}
