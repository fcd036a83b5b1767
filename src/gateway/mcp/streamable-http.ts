import { AppError } from '../../core/errors.ts';
import { HostRefused } from '../../core/host-link.ts';
import { isRequest, type RpcRequest } from '../../core/json-rpc.ts';
import { type GatewayMeter, UNMEASURED } from '../../core/meter.ts';
import { answerBatch } from './batch.ts';
import { type Connections, connectionOver } from './connections.ts';
import type { Conversation } from './conversation.ts';
import { parseEventId } from './event-id.ts';
import { type Exchange, keyOf, tokenOf, validated } from './exchange.ts';
import { accepts, single } from './guards.ts';
import { type IncomingNotice, type IncomingRequest, isIncomingRequest, singleLine } from './incoming.ts';
import type { LiveSession } from './live-session.ts';
import type { Reply } from './reply.ts';
import type { SessionCache } from './session-cache.ts';
import { DEFAULT_VERSION, hasBatches, isSpoken, VERSIONS } from './versions.ts';

export interface StreamableHttpOptions {
  readonly sessions: SessionCache;
  readonly connections: Connections;
  /** Absent: nothing is measured. */
  readonly meter?: GatewayMeter;
}

/** Streamable HTTP with sessions (2025-11-25, 2025-06-18, 2025-03-26: basic/transports). */
export class StreamableHttp {
  readonly #sessions: SessionCache;
  readonly #connections: Connections;
  readonly #meter: GatewayMeter;

  constructor({ sessions, connections, meter = UNMEASURED }: StreamableHttpOptions) {
    this.#sessions = sessions;
    this.#connections = connections;
    this.#meter = meter;
  }

  /**
   * @param value the body, parsed
   * @throws AppError
   */
  async post(exchange: Exchange, value: unknown, body: Buffer): Promise<void> {
    const { reply } = exchange;
    const live = await this.#sessions.enter(tokenOf(exchange), reply);
    if (Array.isArray(value)) return this.#batch(exchange, live, value, body);
    const message = validated(value);
    if (isRequest(message) && message.method === 'initialize') return this.#initialize(exchange, live, message);
    const conversation = await this.#conversation(exchange, live);
    const { operation } = reply;
    const incoming = {
      message,
      payload: singleLine(body),
      ...keyOf(exchange, body),
      ...(operation ? { operation } : {}),
    };
    await this.#pass(conversation, incoming, reply);
  }

  /** @throws AppError */
  async get(exchange: Exchange): Promise<void> {
    const { req, reply } = exchange;
    if (!accepts(req.headers.accept, 'text/event-stream')) {
      throw new AppError('request.not-acceptable', 'Accept must list text/event-stream');
    }
    const live = await this.#sessions.enter(tokenOf(exchange), reply);
    const conversation = await this.#conversation(exchange, live);
    const last = single(req.headers['last-event-id']);
    reply.kind = 'standalone';
    if (last === undefined) {
      conversation.listen(undefined, reply);
      return;
    }
    const cursor = parseEventId(last);
    if (!cursor) throw new AppError('request.invalid', 'This Last-Event-ID is not one that was given here');
    this.#meter.streamResumed();
    if (cursor.kind === 'standalone') conversation.listen(cursor, reply);
    else {
      reply.kind = 'answer';
      conversation.resume(cursor, reply);
    }
  }

  /** @throws AppError */
  async delete(exchange: Exchange): Promise<void> {
    const live = await this.#sessions.admit(tokenOf(exchange));
    const conversation = await this.#conversation(exchange, live);
    await this.#connections.end(live, conversation);
    exchange.reply.accept(200);
  }

  async #pass(conversation: Conversation, incoming: IncomingRequest | IncomingNotice, reply: Reply): Promise<void> {
    if (isIncomingRequest(incoming)) {
      // The peer of the client is this gateway (2025-11-25, basic/utilities/ping).
      if (incoming.message.method === 'ping')
        reply.json(200, JSON.stringify({ jsonrpc: '2.0', id: incoming.message.id, result: {} }));
      else conversation.request(incoming, reply);
      return;
    }
    await conversation.notify(incoming);
    reply.accept(202);
  }

  async #batch(exchange: Exchange, live: LiveSession, values: unknown[], body: Buffer): Promise<void> {
    const conversation = await this.#conversation(exchange, live);
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
    await answerBatch(messages, keyOf(exchange, body), exchange.reply, {
      request: (incoming, part) => this.#pass(conversation, incoming, part),
      notify: (incoming) => conversation.notify(incoming),
      measure: (request) => exchange.measure(request),
    });
  }

  async #initialize({ reply, server }: Exchange, live: LiveSession, { id, params = {} }: RpcRequest): Promise<void> {
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

  /** @throws AppError `connection.missing`, `connection.over`, `protocol.version` */
  async #conversation({ req, server }: Exchange, live: LiveSession): Promise<Conversation> {
    const id = single(req.headers['mcp-session-id']);
    if (id === undefined)
      throw new AppError('connection.missing', 'The header Mcp-Session-Id is missing: send "initialize" first');
    const conversation = await this.#connections.find(live, id);
    // The same answer whether it never was, is over, or is somebody else's or another server's.
    if (!conversation || conversation.record.server !== server || conversation.record.transport === 'sse') {
      throw connectionOver();
    }
    const version = single(req.headers['mcp-protocol-version']) ?? DEFAULT_VERSION;
    if (!isSpoken(version)) {
      throw new AppError('protocol.version', `MCP-Protocol-Version must be one of ${VERSIONS.join(', ')}`);
    }
    return conversation;
  }
}
