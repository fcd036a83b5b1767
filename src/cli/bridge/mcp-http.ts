import type { Dispatcher } from 'undici';
import { Agent } from 'undici';
import { AppError, messageOf } from '../../core/errors.ts';

export interface HttpOptions {
  /** Asked before each request: the manager may be back at another address. Throws `manager.unreachable` if it has none. */
  readonly url: () => string;
  /** How long a TCP connection may take, milliseconds; never longer than ten seconds. */
  readonly timeoutMs: number;
  /** False: a TCP connection for each request. */
  readonly keepAlive: boolean;
}

/** What a request has besides its method and body. */
export interface RequestHead {
  /** Bearer token of the terminal's session. */
  readonly token: string;
  readonly headers: Readonly<Record<string, string>>;
  /** How long the head of the answer may take, milliseconds. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** The head of an answer and its body, which must be read or dumped. */
export type HttpAnswer = Pick<Dispatcher.ResponseData, 'statusCode' | 'headers' | 'body'>;

/** No answer came. `sent`: the request may have arrived all the same. */
export class NoAnswer extends Error {
  readonly sent: boolean;
  constructor(cause: unknown) {
    const code = codeOf(cause);
    super(code === 'UND_ERR_HEADERS_TIMEOUT' ? 'no answer in time' : messageOf(cause), { cause });
    this.sent = !NOT_SENT.has(code);
  }
}

/** Failures before the first byte of a request. */
const NOT_SENT: ReadonlySet<unknown> = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
  'manager.unreachable',
]);
const CONNECT_MS = 10_000;
/** A gateway sends a comment every few seconds; a stream that is silent for this long is broken. */
const SILENCE_MS = 60_000;

/** HTTP requests to the MCP endpoint. Rejects with `NoAnswer`, or the signal's reason. */
export class McpHttp {
  readonly #url: () => string;
  readonly #agent: Agent;

  constructor({ url, timeoutMs, keepAlive }: HttpOptions) {
    this.#url = url;
    this.#agent = new Agent({
      bodyTimeout: SILENCE_MS,
      connect: { timeout: Math.min(CONNECT_MS, timeoutMs) },
      pipelining: keepAlive ? 1 : 0,
    });
  }

  /** Sends one message. */
  post(message: string, head: RequestHead): Promise<HttpAnswer> {
    const types = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
    return this.#send('POST', { ...head, headers: { ...types, ...head.headers } }, message);
  }

  /** Asks for a stream (2025-11-25 and before). */
  get(head: RequestHead): Promise<HttpAnswer> {
    return this.#send('GET', { ...head, headers: { accept: 'text/event-stream', ...head.headers } });
  }

  /** Ends a connection (2025-11-25 and before). */
  async remove(head: RequestHead): Promise<void> {
    const { body } = await this.#send('DELETE', head);
    await body.dump();
  }

  /** Closes all sockets. */
  close(): Promise<void> {
    return this.#agent.destroy();
  }

  async #send(method: 'GET' | 'POST' | 'DELETE', head: RequestHead, body: string | null = null): Promise<HttpAnswer> {
    const { signal, timeoutMs: headersTimeout } = head;
    const headers = { ...head.headers, authorization: `Bearer ${head.token}` };
    try {
      const { origin, pathname: path } = new URL(this.#url());
      return await this.#agent.request({ origin, path, method, headers, signal, body, headersTimeout });
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof AppError && error.code !== 'manager.unreachable') throw error;
      throw new NoAnswer(error);
    }
  }
}

/** The body of a stream: one that breaks has ended. Rejects with the signal's reason. */
export async function* untilBroken({ body }: HttpAnswer, signal: AbortSignal): AsyncIterable<Uint8Array> {
  try {
    for await (const chunk of body) yield chunk as Uint8Array;
  } catch {
    signal.throwIfAborted();
  }
}

/** The system's, undici's or our own code; of the first address where several were tried. */
function codeOf(error: unknown): unknown {
  if (error instanceof AggregateError) return codeOf(error.errors[0]);
  return (error as { code?: unknown }).code;
}
