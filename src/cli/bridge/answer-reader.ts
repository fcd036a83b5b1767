import { AppError } from '../../core/errors.ts';
import type { RequestId, RpcResponse } from '../../core/json-rpc.ts';
import { isRequest, isResponse } from '../../core/json-rpc.ts';
import type { Outgoing } from './exchange.ts';
import type { HttpAnswer } from './mcp-http.ts';
import { untilBroken } from './mcp-http.ts';
import { messagesIn } from './messages.ts';
import type { Patience } from './patience.ts';
import { SseParser } from './sse-parser.ts';

/** Reads what comes back for one request, from as many HTTP answers as it takes. */
export class AnswerReader {
  readonly #out: Outgoing;
  readonly #patience: Patience;
  readonly #signal: AbortSignal;
  #lastEventId: string | undefined;
  #retryMs = 0;
  #answered = false;

  constructor(out: Outgoing, patience: Patience, signal: AbortSignal) {
    this.#out = out;
    this.#patience = patience;
    this.#signal = signal;
  }

  /** Where the answer can be resumed; undefined: nowhere. */
  get lastEventId(): string | undefined {
    return this.#lastEventId;
  }

  /** What the server wants before the answer is resumed, milliseconds. */
  get retryMs(): number {
    return this.#lastEventId === undefined ? 0 : this.#retryMs;
  }

  /** Nobody has the rest of this answer any more. */
  startOver(): void {
    this.#lastEventId = undefined;
  }

  /** True: the answer came. False: it broke off. */
  async read(answer: HttpAnswer): Promise<boolean> {
    if (String(answer.headers['content-type']).startsWith('text/event-stream')) await this.#readStream(answer);
    else await this.#readBody(answer);
    return this.#answered;
  }

  async #readBody(answer: HttpAnswer): Promise<void> {
    const text = await answer.body.text().catch(() => this.#signal.throwIfAborted());
    if (text === undefined) return;
    await this.#take(text, answer);
    if (!this.#answered && !this.#out.lasting)
      throw new AppError('internal', 'the session manager answered without an answer to the request');
  }

  /** Reads to the end, or to the answer. */
  async #readStream(answer: HttpAnswer): Promise<void> {
    const parser = new SseParser();
    for await (const chunk of untilBroken(answer, this.#signal)) {
      for (const data of parser.push(chunk)) await this.#take(data, answer);
      if (this.#answered) return;
      if (this.#out.resumable) this.#follow(parser);
    }
  }

  #follow({ lastEventId = this.#lastEventId, retryMs = this.#retryMs }: SseParser): void {
    if (lastEventId !== this.#lastEventId) this.#patience.renew();
    this.#lastEventId = lastEventId || undefined; // an empty id takes the id back
    this.#retryMs = retryMs;
  }

  async #take(body: string, answer: HttpAnswer): Promise<void> {
    const id = this.#requestId();
    for (const { message, text } of messagesIn(body)) {
      if (this.#answered) return;
      if (!isResponse(message)) await this.#out.deliver(message, text, answer);
      else if (this.#out.lasting && 'result' in message) return;
      else if (message.id === id) await this.#answer(message, text, answer);
      // Clients in use hang on `id: null`.
      else if ('error' in message && message.id === null) await this.#answer({ ...message, id }, undefined, answer);
    }
  }

  async #answer(message: RpcResponse, text: string | undefined, answer: HttpAnswer): Promise<void> {
    this.#answered = true;
    await this.#out.deliver(message, text ?? JSON.stringify(message), answer);
  }

  #requestId(): RequestId | null {
    return isRequest(this.#out.message) ? this.#out.message.id : null;
  }
}
