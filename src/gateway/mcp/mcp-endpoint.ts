import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { MAX_MESSAGE } from '../../core/channel.ts';
import { AppError, asAppError } from '../../core/errors.ts';
import { HostRefused } from '../../core/host-link.ts';
import type { ServerName } from '../../core/ids.ts';
import {
  asMessage,
  idOf,
  isRequest,
  type RequestId,
  type RpcMessage,
  type RpcRequest,
  rpcError,
} from '../../core/json-rpc.ts';
import type { Logger } from '../../core/logger.ts';
import { answerBatch } from './batch.ts';
import { readBody } from './body.ts';
import { Connections, type ConnectionsOptions } from './connections.ts';
import type { Conversation } from './conversation.ts';
import { parseEventId } from './event-id.ts';
import { accepts, bearer, checkOrigin, checkPost, type GuardOptions, single } from './guards.ts';
import { Heart } from './heart.ts';
import { type IncomingNotice, type IncomingRequest, singleLine } from './incoming.ts';
import { HttpReply, type Reply, type StreamOptions } from './reply.ts';
import type { LiveSession } from './session-cache.ts';
import { DEFAULT_VERSION, hasBatches, isSpoken, VERSIONS } from './versions.ts';

export interface McpEndpointOptions extends ConnectionsOptions {
  readonly log: Logger;
  readonly guard: GuardOptions;
  readonly streams: StreamOptions & { readonly heartbeatMs: number };
  readonly bodyLimitBytes: number;
}

const PATH = /^\/mcp(?:\/([^/?]+))?\/?(?:\?.*)?$/;

/** Streamable HTTP (2025-11-25, 2025-06-18, 2025-03-26: basic/transports) at `/mcp` and `/mcp/{server}`. */
export class McpEndpoint implements Disposable {
  readonly #options: McpEndpointOptions;
  readonly #heart: Heart;
  readonly #connections: Connections;

  constructor(options: McpEndpointOptions) {
    this.#options = options;
    this.#connections = new Connections(options);
    this.#heart = new Heart(options.streams.heartbeatMs);
  }

  /** Answers a request if it is for this endpoint. False: it is not. */
  handle(req: IncomingMessage, res: ServerResponse): boolean {
    const match = PATH.exec(req.url ?? '');
    if (!match) return false;
    const reply = new HttpReply(res, this.#options.streams, this.#heart);
    this.#answer(req, reply, match[1]).catch((error: unknown) => this.#fail(reply, error, null));
    return true;
  }

  /** Ends all open streams: their clients come back to whoever serves then. */
  endStreams(): void {
    this.#heart.endAll();
  }

  [Symbol.dispose](): void {
    this.#heart[Symbol.dispose]();
  }

  async #answer(req: IncomingMessage, reply: Reply, server: ServerName | undefined): Promise<void> {
    checkOrigin(req.headers, this.#options.guard);
    switch (req.method) {
      case 'POST':
        return this.#post(req, reply, server);
      case 'GET':
        return this.#get(req, reply, server);
      case 'DELETE':
        return this.#delete(req, reply, server);
      default:
        reply.json(405, JSON.stringify(rpcError(null, -32600, 'Use POST, GET or DELETE')), {
          allow: 'POST, GET, DELETE',
        });
    }
  }

  async #post(req: IncomingMessage, reply: Reply, server: ServerName | undefined): Promise<void> {
    checkPost(req);
    const token = bearer(req.headers);
    this.#options.sessions.check(token); // no memory for a stranger's body
    const body = await readBody(req, Math.min(this.#options.bodyLimitBytes, MAX_MESSAGE));
    let id: RequestId | null = null;
    try {
      const value = parse(body);
      id = idOf(value);
      const live = await this.#admit(token, reply);
      if (Array.isArray(value)) return await this.#batch(req, reply, live, server, value);
      const message = validated(value);
      if (isRequest(message) && message.method === 'initialize')
        return await this.#initialize(reply, live, server, message);
      const conversation = await this.#conversation(req, live, server);
      const incoming = { message, payload: singleLine(body), key: keyOf(req) };
      await this.#pass(conversation, incoming, reply);
    } catch (error) {
      this.#fail(reply, error, id);
    }
  }

  /** The session is in use until the reply is closed. */
  async #admit(token: string, reply: Reply): Promise<LiveSession> {
    const { sessions } = this.#options;
    const live = await sessions.admit(token);
    sessions.use(live, reply);
    return live;
  }

  async #pass(conversation: Conversation, incoming: IncomingRequest | IncomingNotice, reply: Reply): Promise<void> {
    if (isIncomingRequest(incoming)) {
      // The peer of the client is this gateway (2025-11-25, basic/utilities/ping).
      if (incoming.message.method === 'ping')
        reply.json(200, JSON.stringify({ jsonrpc: '2.0', id: incoming.message.id, result: {} }));
      else conversation.request(incoming, reply);
      return;
    }
    await this.#notify(conversation, incoming);
    reply.accept(202);
  }

  async #notify(conversation: Conversation, incoming: IncomingNotice): Promise<void> {
    // Roots would replace the directories that the session allows (D9); servers were told that there are none.
    if ('method' in incoming.message && incoming.message.method === 'notifications/roots/list_changed') return;
    await conversation.notify(incoming);
  }

  async #batch(
    req: IncomingMessage,
    reply: Reply,
    live: LiveSession,
    server: ServerName | undefined,
    values: unknown[],
  ): Promise<void> {
    const conversation = await this.#conversation(req, live, server);
    if (!hasBatches(conversation.record.protocolVersion)) {
      throw new AppError(
        'request.invalid',
        `Protocol version ${conversation.record.protocolVersion} has no batches: send one message`,
      );
    }
    const messages = values.map(validated);
    if (messages.length === 0) throw new AppError('request.invalid', 'The batch is empty');
    // 2025-03-26, basic/lifecycle, "Initialization"
    if (messages.some((message) => isRequest(message) && message.method === 'initialize'))
      throw new AppError('request.invalid', '"initialize" must not be part of a batch');
    await answerBatch(messages, keyOf(req), reply, {
      request: (incoming, part) => this.#pass(conversation, incoming, part),
      notify: (incoming) => this.#notify(conversation, incoming),
    });
  }

  async #initialize(
    reply: Reply,
    live: LiveSession,
    server: ServerName | undefined,
    { id, params = {} }: RpcRequest,
  ): Promise<void> {
    try {
      const opened = await this.#connections.open(live, server, params, () => reply.closed);
      const body = JSON.stringify({ jsonrpc: '2.0', id, result: opened.result });
      reply.json(200, body, { 'mcp-session-id': opened.id });
    } catch (error) {
      if (!(error instanceof HostRefused)) throw error;
      // The server's own refusal, as it worded it.
      reply.json(200, JSON.stringify({ jsonrpc: '2.0', id, error: error.data }));
    }
  }

  async #get(req: IncomingMessage, reply: Reply, server: ServerName | undefined): Promise<void> {
    if (!accepts(req.headers.accept, 'text/event-stream')) {
      throw new AppError('request.not-acceptable', 'Accept must list text/event-stream');
    }
    const live = await this.#admit(bearer(req.headers), reply);
    const conversation = await this.#conversation(req, live, server);
    const last = single(req.headers['last-event-id']);
    if (last === undefined) {
      conversation.listen(undefined, reply);
      return;
    }
    const cursor = parseEventId(last);
    if (!cursor) throw new AppError('request.invalid', 'This Last-Event-ID is not one that was given here');
    if (cursor.kind === 'request') conversation.resume(cursor, reply);
    else conversation.listen(cursor, reply);
  }

  async #delete(req: IncomingMessage, reply: Reply, server: ServerName | undefined): Promise<void> {
    const live = await this.#options.sessions.admit(bearer(req.headers));
    const conversation = await this.#conversation(req, live, server);
    await this.#connections.end(live, conversation);
    reply.accept(200);
  }

  /** @throws AppError `connection.missing`, `connection.over`, `protocol.version` */
  async #conversation(req: IncomingMessage, live: LiveSession, server: ServerName | undefined): Promise<Conversation> {
    const id = single(req.headers['mcp-session-id']);
    if (id === undefined)
      throw new AppError('connection.missing', 'The header Mcp-Session-Id is missing: send "initialize" first');
    const conversation = await this.#connections.find(live, id);
    // The same answer whether it never was, is over, or is somebody else's or another server's.
    if (!conversation || conversation.record.server !== server) {
      throw new AppError('connection.over', 'No such connection in this session: send "initialize" again');
    }
    const version = single(req.headers['mcp-protocol-version']) ?? DEFAULT_VERSION;
    if (!isSpoken(version)) {
      throw new AppError('protocol.version', `MCP-Protocol-Version must be one of ${VERSIONS.join(', ')}`);
    }
    return conversation;
  }

  #fail(reply: Reply, cause: unknown, id: RequestId | null): void {
    const error = asAppError(cause);
    if (error.code === 'internal') this.#options.log.error({ err: cause }, 'a request failed');
    reply.fail(error, id);
  }
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    throw new AppError('request.unparsable', 'The body is not JSON');
  }
}

/** @throws AppError `request.invalid` */
function validated(value: unknown): RpcMessage {
  const message = asMessage(value);
  if (typeof message === 'string') throw new AppError('request.invalid', `Not a JSON-RPC message: ${message}`);
  return message;
}

/** The key that the balancer, or the client, set for this request and all its repetitions; else one of our own. */
function keyOf(req: IncomingMessage): string {
  return single(req.headers['idempotency-key'])?.slice(0, 256) || randomUUID();
}

const isIncomingRequest = (incoming: IncomingRequest | IncomingNotice): incoming is IncomingRequest =>
  isRequest(incoming.message);
