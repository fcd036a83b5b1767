import { AppError } from '../../core/errors.ts';
import type { RpcMessage, RpcResponse } from '../../core/json-rpc.ts';
import { asMessage, isRequest, isResponse } from '../../core/json-rpc.ts';
import { failureOf } from './failure.ts';
import type { HttpAnswer, Link, McpHttp } from './mcp-http.ts';
import { NoAnswer } from './mcp-http.ts';
import type { Patience } from './patience.ts';
import { SseParser } from './sse-parser.ts';

/** One message on its way to the gateway and, for a request, back. */
export interface Outgoing {
  readonly message: RpcMessage;
  /** The message as the client wrote it. */
  readonly text: string;
  readonly key: string;
  /** Called for each message that comes back; the answer to a request is the last one. */
  readonly deliver: (message: RpcMessage, text: string, answer: HttpAnswer) => Promise<void>;
}

/** What an exchange needs of the bridge. */
export interface Links {
  /** What to send with now. Rejects while the manager cannot be reached, or with what is wrong. */
  current(): Promise<Link>;
  /** The token of `link` is refused: gets another. */
  renew(link: Link): Promise<void>;
  /** The connection of `link` is over: makes another, unseen by the client. */
  reconnect(link: Link): Promise<void>;
}

/** How often a token or a connection is made anew for one message: a second time only if it was overtaken. */
const MAX_RENEWALS = 3;

/**
 * Sends one message until it is taken, and reads until its answer is there: sent again under the same key where nothing
 * was answered, resumed by `Last-Event-ID` where a stream broke. So the gateway runs it once at most (D3). Rejects if it
 * cannot be delivered, or if nobody can know what became of it.
 */
export class Exchange {
  readonly #http: McpHttp;
  readonly #links: Links;
  readonly #patience: Patience;
  readonly #signal: AbortSignal;
  readonly #out: Outgoing;
  #lastEventId: string | undefined;
  #retryMs: number | undefined;
  /** The gateway may have it: on another connection it would run a second time. */
  #sent = false;
  #answered = false;
  #renewals = 0;

  constructor(http: McpHttp, links: Links, patience: Patience, signal: AbortSignal, out: Outgoing) {
    this.#http = http;
    this.#links = links;
    this.#patience = patience;
    this.#signal = signal;
    this.#out = out;
  }

  async run(): Promise<void> {
    while (!this.#answered) {
      const step = await this.#attempt();
      if (step) await this.#patience.wait(step.error, this.#signal, step.waitMs);
    }
  }

  /** @returns what to wait for if it has to be tried again after a while */
  async #attempt(): Promise<{ error: unknown; waitMs: number } | undefined> {
    let answer: HttpAnswer;
    let link: Link;
    try {
      link = await this.#links.current();
      answer = await this.#send(link);
    } catch (error) {
      if (error instanceof AppError && error.status === 503) {
        return { error, waitMs: (error.retryAfter ?? 0) * 1000 };
      }
      if (!(error instanceof NoAnswer)) throw error;
      this.#sent ||= error.sent;
      return { error: this.#lost(error), waitMs: 0 };
    }
    if (answer.statusCode < 300) return this.#read(answer);
    return this.#refused(answer, link);
  }

  #send(link: Link): Promise<HttpAnswer> {
    if (this.#lastEventId !== undefined) return this.#http.get(link, this.#lastEventId, this.#signal);
    return this.#http.post(link, this.#out.text, this.#out.key, this.#signal);
  }

  async #refused(answer: HttpAnswer, link: Link) {
    const { statusCode } = answer;
    const error = await failureOf(answer);
    if (statusCode === 502 || statusCode === 503 || statusCode === 504) {
      this.#sent ||= statusCode !== 503; // a balancer's: the gateway behind it may have the message
      return { error, waitMs: (Number(answer.headers['retry-after']) || 0) * 1000 };
    }
    const known = statusCode === 401 || statusCode === 404;
    if (!known || this.#renewals === MAX_RENEWALS) throw error;
    this.#renewals += 1;
    if (statusCode === 401) await this.#links.renew(link);
    else await this.#connectionOver(link, error);
    return undefined;
  }

  async #connectionOver(link: Link, error: Error): Promise<void> {
    if (link.connection === undefined && this.#renewals > 1) throw error;
    if (this.#sent && this.#isCall()) throw outcomeUnknown('its connection is over');
    this.#lastEventId = undefined;
    await (link.connection === undefined ? this.#links.renew(link) : this.#links.reconnect(link));
  }

  async #read(answer: HttpAnswer) {
    this.#patience.renew();
    if (!isRequest(this.#out.message)) {
      await answer.body.dump();
      this.#answered = true;
      return undefined;
    }
    this.#sent = true;
    if (String(answer.headers['content-type']).startsWith('text/event-stream')) await this.#readStream(answer);
    else await this.#readBody(answer);
    if (this.#answered) return undefined;
    return { error: this.#lost(new Error('the answer broke off')), waitMs: this.#retryMs ?? 0 };
  }

  /** Reads an answer in one piece; one that breaks off is not there. */
  async #readBody(answer: HttpAnswer): Promise<void> {
    const text = await answer.body.text().catch(() => this.#signal.throwIfAborted());
    if (text === undefined) return;
    await this.#take(text, answer);
    if (!this.#answered)
      throw new AppError('internal', 'the session manager answered without an answer to the request');
  }

  /** Reads to the end, or to the answer; a stream that breaks has ended. */
  async #readStream(answer: HttpAnswer): Promise<void> {
    const parser = new SseParser();
    try {
      for await (const chunk of answer.body) {
        for (const data of parser.push(chunk as Uint8Array)) await this.#take(data, answer);
        this.#lastEventId = (parser.lastEventId ?? this.#lastEventId) || undefined; // an empty id takes the id back
        this.#retryMs = parser.retryMs ?? this.#retryMs;
        if (this.#answered) return;
      }
    } catch {
      this.#signal.throwIfAborted();
    }
  }

  /** One message, or a batch of them, that came back. */
  async #take(text: string, answer: HttpAnswer): Promise<void> {
    const json = parsed(text);
    for (const value of Array.isArray(json) ? json : [json]) {
      const message = asMessage(value);
      if (typeof message === 'string' || this.#answered) continue;
      const isWhole = value === json && !text.includes('\n');
      if (!isResponse(message)) await this.#out.deliver(message, isWhole ? text : JSON.stringify(value), answer);
      else if (message.id === null || message.id === this.#requestId()) {
        this.#answered = true;
        // Clients in use hang on `id: null`.
        const own = message.id === null ? ({ ...message, id: this.#requestId() } as RpcResponse) : message;
        await this.#out.deliver(own, isWhole && own === message ? text : JSON.stringify(own), answer);
      }
    }
  }

  #requestId() {
    return isRequest(this.#out.message) ? this.#out.message.id : undefined;
  }

  /** All other requests may run twice without harm. */
  #isCall(): boolean {
    return isRequest(this.#out.message) && this.#out.message.method === 'tools/call';
  }

  #lost(cause: Error): AppError {
    if (this.#sent && this.#isCall()) return outcomeUnknown(cause.message);
    const what = `the session manager cannot be reached (${cause.message}): start it with 'npm start' in its folder`;
    return new AppError('manager.unreachable', what, { cause });
  }
}

function outcomeUnknown(why: string): AppError {
  return new AppError(
    'call.outcome-unknown',
    `The call was sent, and nobody can say whether it was carried out (${why}): look before you call again`,
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
