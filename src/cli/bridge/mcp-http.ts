import type { Dispatcher } from 'undici';
import { Agent } from 'undici';
import { AppError, messageOf } from '../../core/errors.ts';

/** What requests need to reach their MCP connection. Replaced as a whole when it changes. */
export interface Link {
  /** Bearer token of the terminal's session. */
  readonly token: string;
  /** `Mcp-Session-Id`; absent before `initialize` is answered. */
  readonly connection?: string;
  /** Protocol version agreed with the server; absent as long. */
  readonly version?: string;
}

export interface HttpOptions {
  /** Asked before each request: the manager may be back at another address. Throws `manager.unreachable` if it has none. */
  readonly url: () => string;
  /** How long the head of an answer may take, milliseconds. */
  readonly timeoutMs: number;
  readonly keepAlive: boolean;
}

/** The head of an answer and its body, which must be read or dumped. */
export type HttpAnswer = Pick<Dispatcher.ResponseData, 'statusCode' | 'headers' | 'body'>;

/** No answer came. `sent`: the request may have arrived all the same. */
export class NoAnswer extends Error {
  readonly sent: boolean;
  constructor(cause: unknown) {
    super(messageOf(cause), { cause });
    this.sent = !NOT_SENT.has(codeOf(cause));
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

/** Streamable HTTP as a client sends it (MCP 2025-11-25, "Transports"). Rejects with `NoAnswer`, or the signal's reason. */
export class McpHttp {
  readonly #url: () => string;
  readonly #agent: Agent;

  constructor({ url, timeoutMs, keepAlive }: HttpOptions) {
    this.#url = url;
    this.#agent = new Agent({
      headersTimeout: timeoutMs,
      bodyTimeout: SILENCE_MS,
      connect: { timeout: Math.min(CONNECT_MS, timeoutMs) },
      pipelining: keepAlive ? 1 : 0,
    });
  }

  /** @param key the idempotency key: the same for each attempt */
  post(link: Link, message: string, key: string, signal: AbortSignal): Promise<HttpAnswer> {
    const headers = {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'idempotency-key': key,
    };
    return this.#send('POST', link, headers, signal, message);
  }

  /** @param lastEventId resumes the stream of that event; absent: the stream for what belongs to no request */
  get(link: Link, lastEventId: string | undefined, signal: AbortSignal): Promise<HttpAnswer> {
    const headers = { accept: 'text/event-stream', ...(lastEventId && { 'last-event-id': lastEventId }) };
    return this.#send('GET', link, headers, signal);
  }

  /** Ends the connection. */
  async remove(link: Link, signal: AbortSignal): Promise<void> {
    const { body } = await this.#send('DELETE', link, {}, signal);
    await body.dump();
  }

  /** Closes all sockets. */
  close(): Promise<void> {
    return this.#agent.destroy();
  }

  async #send(
    method: 'GET' | 'POST' | 'DELETE',
    link: Link,
    headers: Record<string, string>,
    signal: AbortSignal,
    body?: string,
  ): Promise<HttpAnswer> {
    const all = {
      ...headers,
      authorization: `Bearer ${link.token}`,
      ...(link.connection && { 'mcp-session-id': link.connection }),
      ...(link.version && { 'mcp-protocol-version': link.version }),
    };
    try {
      const { origin, pathname: path } = new URL(this.#url());
      return await this.#agent.request({ origin, path, method, headers: all, signal, body: body ?? null });
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof AppError && error.code !== 'manager.unreachable') throw error;
      throw new NoAnswer(error);
    }
  }
}

/** The system's, undici's or our own code; of the first address where several were tried. */
function codeOf(error: unknown): unknown {
  if (error instanceof AggregateError) return codeOf(error.errors[0]);
  return (error as { code?: unknown }).code;
}
