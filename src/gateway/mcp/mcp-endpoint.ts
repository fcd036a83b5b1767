import type { IncomingMessage, ServerResponse } from 'node:http';
import { MAX_MESSAGE } from '../../core/channel.ts';
import { errorTypeOf } from '../../core/error-type.ts';
import { asAppError } from '../../core/errors.ts';
import { idOf, type RequestId, type RpcNotification, type RpcRequest, rpcError } from '../../core/json-rpc.ts';
import type { Logger } from '../../core/logger.ts';
import { UNMEASURED } from '../../core/meter.ts';
import type { Traces } from '../../core/traces.ts';
import { checkDepth, parseBody, readBody } from './body.ts';
import { Connections, type ConnectionsOptions } from './connections.ts';
import { type Exchange, tokenOf } from './exchange.ts';
import { noteFailure } from './failure-log.ts';
import { checkOrigin, checkPost, type GuardOptions } from './guards.ts';
import { Heart } from './heart.ts';
import { HttpSse } from './http-sse/http-sse.ts';
import { ModernHttp } from './modern/modern-http.ts';
import type { RequestStates } from './modern/request-state.ts';
import { HttpReply, type StreamOptions } from './reply.ts';
import { StreamableHttp } from './streamable-http.ts';
import { messageSpan, TracedOperation } from './traced.ts';
import { isModern, revisionOf } from './versions.ts';

export interface McpEndpointOptions extends ConnectionsOptions {
  readonly log: Logger;
  readonly guard: GuardOptions;
  readonly streams: StreamOptions & { readonly heartbeatMs: number };
  readonly bodyLimitBytes: number;
  /** A session's token may be given in the path: `/t/{token}/mcp`. */
  readonly tokenInPath: boolean;
  readonly states: RequestStates;
  /** Absent: nothing is traced. */
  readonly traces?: Traces;
}

interface Arriving extends Exchange {
  /** When all of it was here, `performance.now()`: before that its client was waited for. */
  arrivedAt: number;
}

type Place = 'mcp' | 'sse' | 'messages';

const PATH = /^(?:\/t\/([^/?]+))?\/(?:(mcp|sse)(?:\/([^/?]+))?|(messages))\/?(?:\?.*)?$/;
const ALLOWED: Readonly<Record<Place, string>> = { mcp: 'POST, GET, DELETE', sse: 'GET', messages: 'POST' };

/**
 * MCP for clients of all revisions: `/mcp` and `/mcp/{server}` (Streamable HTTP), `/sse`, `/sse/{server}` and `/messages`
 * (HTTP+SSE of 2024-11-05). What all of them have in common is done here; each wire format is a module of its own.
 */
export class McpEndpoint implements Disposable {
  readonly #options: McpEndpointOptions;
  readonly #heart: Heart;
  readonly #streamable: StreamableHttp;
  readonly #modern: ModernHttp;
  readonly #sse: HttpSse;

  constructor(options: McpEndpointOptions) {
    this.#options = options;
    this.#heart = new Heart(options.streams.heartbeatMs);
    const parts = { ...options, connections: new Connections(options), heart: this.#heart };
    this.#streamable = new StreamableHttp(parts);
    this.#modern = new ModernHttp(parts);
    this.#sse = new HttpSse(parts);
  }

  /** Answers a request if it is for this endpoint. False: it is not. */
  handle(req: IncomingMessage, res: ServerResponse): boolean {
    const [match, pathToken, place = 'messages', server] = PATH.exec(req.url ?? '') ?? [];
    if (match === undefined || (pathToken !== undefined && !this.#options.tokenInPath)) return false;
    const { streams, meter = UNMEASURED } = this.#options;
    const reply = new HttpReply(res, streams, this.#heart, meter);
    const exchange: Arriving = {
      req,
      reply,
      ...(server === undefined ? {} : { server }),
      ...(pathToken === undefined ? {} : { pathToken }),
      arrivedAt: performance.now(),
      measure: (request, version = revisionOf(req.headers, request)) => {
        const { arrivedAt } = exchange;
        const operation = meter.operation(request.method, request.params?.name, version, arrivedAt);
        const span = this.#span(req, request, version, arrivedAt);
        return span ? new TracedOperation(operation, span) : operation;
      },
    };
    this.#answer(exchange, place as Place).catch((error: unknown) => this.#fail(exchange, error, null));
    return true;
  }

  /** Ends all open streams: their clients come back to whoever serves then. */
  endStreams(): void {
    this.#heart.endAll();
  }

  /** The connections that are left are about to be cut: who waits for an answer is told so. */
  cutStreams(): void {
    this.#heart.cut();
  }

  [Symbol.dispose](): void {
    this.#heart[Symbol.dispose]();
  }

  async #answer(exchange: Arriving, place: Place): Promise<void> {
    const { req } = exchange;
    checkOrigin(req.headers, this.#options.guard);
    switch (`${req.method} ${place}`) {
      case 'POST mcp':
        checkPost(req);
        return this.#post(exchange, (value, body) => {
          // It is answered by this response, whatever becomes of it; a batch measures each of its own.
          if (isRequestLike(value)) exchange.reply.operation = exchange.measure(value);
          const format = isModern(req.headers, value) ? this.#modern : this.#streamable;
          return format.post(exchange, value, body);
        });
      case 'POST messages':
        return this.#post(exchange, (value, body) => this.#sse.post(exchange, value, body));
      case 'GET sse':
        return this.#sse.open(exchange);
      case 'GET mcp':
        if (!isModern(req.headers)) return this.#streamable.get(exchange);
        break;
      case 'DELETE mcp':
        if (!isModern(req.headers)) return this.#streamable.delete(exchange);
        break;
    }
    const allow = isModern(req.headers) ? 'POST' : ALLOWED[place];
    exchange.reply.json(405, JSON.stringify(rpcError(null, -32600, `Use ${allow}`)), { allow });
  }

  async #post(exchange: Arriving, work: (value: unknown, body: Buffer) => Promise<void>): Promise<void> {
    const { req } = exchange;
    this.#options.sessions.check(tokenOf(exchange)); // no memory for a stranger's body
    const body = await readBody(req, Math.min(this.#options.bodyLimitBytes, MAX_MESSAGE));
    exchange.arrivedAt = performance.now();
    let id: RequestId | null = null;
    try {
      const value = parseBody(body);
      id = idOf(value);
      checkDepth(body);
      await this.#traced(exchange, value, () => work(value, body));
    } catch (error) {
      this.#fail(exchange, error, id);
    }
  }

  /** A notification has no answer: its span ends when it is on its way. Spans of requests are with their measures. */
  async #traced({ req, arrivedAt }: Arriving, value: unknown, work: () => Promise<void>): Promise<void> {
    const notice = isMessageLike(value) && value.id === undefined ? value : undefined;
    const span = notice && this.#span(req, notice, revisionOf(req.headers, notice), arrivedAt);
    try {
      await work();
      span?.end();
    } catch (error) {
      span?.end(errorTypeOf(asAppError(error).code));
      throw error;
    }
  }

  /** @param arrivedAt `performance.now()` */
  #span(req: IncomingMessage, message: RpcRequest | RpcNotification, version: string, arrivedAt: number) {
    const { traces } = this.#options;
    // Not by `timeOrigin`: while a machine sleeps its clock goes on, and `performance.now()` stands still.
    const at = Date.now() - (performance.now() - arrivedAt);
    return traces && messageSpan(traces, req, message, version, at);
  }

  #fail(exchange: Exchange, cause: unknown, id: RequestId | null): void {
    const { log, sessions } = this.#options;
    noteFailure(log, exchange, cause, (token) => sessions.check(token));
    exchange.reply.fail(asAppError(cause), id);
  }
}

/** A message as far as it can be counted: that it is well formed is for others to look at. */
const isMessageLike = (value: unknown): value is RpcNotification & { readonly id?: unknown } =>
  typeof (value as Partial<RpcNotification> | null)?.method === 'string';
const isRequestLike = (value: unknown): value is RpcRequest => isMessageLike(value) && value.id !== undefined;
