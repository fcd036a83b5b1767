import { errorTypeOf } from '../../../core/error-type.ts';
import { AppError, asAppError } from '../../../core/errors.ts';
import { HostRefused } from '../../../core/host-link.ts';
import {
  idOf,
  isRequest,
  type RequestId,
  type RpcNotification,
  type RpcRequest,
  rpcError,
} from '../../../core/json-rpc.ts';
import type { GatewayMeter, Operation } from '../../../core/meter.ts';
import { serverOf } from '../../../core/session.ts';
import { notInSession } from '../../../sessions/await-record.ts';
import { connectionOver } from '../connections.ts';
import type { Conversation } from '../conversation.ts';
import { type Exchange, keyOf, tokenOf, validated } from '../exchange.ts';
import { single } from '../guards.ts';
import { type IncomingNotice, type IncomingRequest, isIncomingRequest, singleLine } from '../incoming.ts';
import type { LiveSession } from '../live-session.ts';
import type { Reply } from '../reply.ts';
import { VERSIONS } from '../versions.ts';
import { type Address, addressOf, endpointOf } from './address.ts';
import { Adoption, type AdoptionOptions } from './adoption.ts';
import { PendingCalls } from './pending-calls.ts';
import { SseStream } from './sse-stream.ts';

/** Revisions that are spoken here over HTTP+SSE: its own, and those whose clients still use it. */
const SPOKEN: readonly unknown[] = [...VERSIONS, '2024-11-05'];

export interface HttpSseOptions extends AdoptionOptions {
  /** Absent: nothing is measured. */
  readonly meter?: Pick<GatewayMeter, 'streamResumed'>;
}

/**
 * HTTP with server-sent events (2024-11-05: basic/transports, "HTTP with SSE"). The client has one stream, and posts its messages
 * to the address that the stream begins with; all that is said to it goes through its servers' hosts, so that a POST may come
 * to another replica than the one that has the stream.
 */
export class HttpSse {
  readonly #options: HttpSseOptions;
  readonly #adoption: Adoption;
  readonly #pending = new PendingCalls();

  constructor(options: HttpSseOptions) {
    this.#options = options;
    this.#adoption = new Adoption(options);
  }

  /** `GET /sse`: the stream. @throws AppError */
  async open(exchange: Exchange): Promise<void> {
    const { req, reply, server, pathToken } = exchange;
    reply.kind = 'sse';
    const live = await this.#options.sessions.enter(tokenOf(exchange), reply);
    if (server !== undefined && !serverOf(live.record, server)) throw notInSession(live.record, server);
    const start = await this.#adoption.start(live, server, single(req.headers['last-event-id']), reply);
    if (start.record) this.#options.meter?.streamResumed();
    const address = server === undefined ? { id: start.id } : { id: start.id, server };
    await new SseStream({ ...this.#options, pending: this.#pending }, live, reply, start).run(
      endpointOf(address, pathToken),
    );
  }

  /**
   * `POST /messages`: one message of a client. Answered with 202 when it is on its way; the rest is told by the stream.
   * @param value the body, parsed
   * @throws AppError
   */
  async post(exchange: Exchange, value: unknown, body: Buffer): Promise<void> {
    const { req, reply } = exchange;
    const live = await this.#options.sessions.enter(tokenOf(exchange), reply);
    const message = validated(value);
    const address = addressOf(req.url ?? '');
    if (address === 'malformed') throw connectionOver();
    if (address === 'absent')
      throw new AppError('connection.missing', 'session_id is missing: open GET /sse, and post to where it says');
    try {
      if (isRequest(message) && message.method === 'initialize')
        await this.#initialize(exchange, live, address, message);
      else await this.#pass(exchange, live, address, { message, payload: singleLine(body), ...keyOf(exchange, body) });
    } catch (error) {
      refuse(reply, idOf(value), error);
      return;
    }
    reply.accept(202);
  }

  async #initialize({ measure }: Exchange, live: LiveSession, address: Address, request: RpcRequest): Promise<void> {
    const { id, params = {} } = request;
    const requested = params.protocolVersion;
    const protocolVersion = SPOKEN.includes(requested) ? (requested as string) : VERSIONS[0];
    await measured(measure(request, protocolVersion), async () => {
      const opened = await this.#options.connections.openSse(live, { ...address, protocolVersion }, params);
      await opened.conversation.tell({ jsonrpc: '2.0', id, result: { ...opened.result } });
    });
  }

  async #pass(
    { measure }: Exchange,
    live: LiveSession,
    address: Address,
    incoming: IncomingRequest | IncomingNotice,
  ): Promise<void> {
    const conversation = await this.#conversation(live, address);
    const { id } = conversation.record;
    if (!isIncomingRequest(incoming)) {
      if (isCancellation(incoming.message)) this.#pending.cancelled(id, incoming.message.params?.requestId);
      return conversation.notify(incoming);
    }
    const { message } = incoming;
    const operation = this.#pending.add(id, message.id, measure(message, conversation.record.protocolVersion));
    await passRequest(conversation, { ...incoming, operation });
  }

  /** @throws AppError `connection.over` */
  async #conversation(live: LiveSession, { id, server }: Address): Promise<Conversation> {
    const conversation = await this.#options.connections.find(live, id);
    if (conversation?.record.transport !== 'sse' || conversation.record.server !== server) throw connectionOver();
    return conversation;
  }
}

/** Its measure ends with its answer; here, if there is going to be none. */
async function passRequest(conversation: Conversation, incoming: IncomingRequest): Promise<void> {
  const { id, method } = incoming.message;
  if (method === 'ping') {
    // The peer of the client is this gateway (2024-11-05, basic/utilities/ping).
    await measured(incoming.operation, () => conversation.tell({ jsonrpc: '2.0', id, result: {} }));
    return;
  }
  try {
    await conversation.post(incoming);
  } catch (cause) {
    const error = asAppError(cause);
    incoming.operation?.end(errorTypeOf(error.code));
    if (error.status !== 200) throw error;
    // It is the answer to the request: it goes where answers go.
    await conversation.tell(rpcError(id, error.rpcCode, error.message, error.data));
  }
}

/** Ends a measure with the work that it is for. */
async function measured(operation: Operation | undefined, work: () => Promise<void>): Promise<void> {
  try {
    await work();
    operation?.end();
  } catch (error) {
    operation?.end(error instanceof HostRefused ? 'rpc_error' : errorTypeOf(asAppError(error).code));
    throw error;
  }
}

const isCancellation = (message: IncomingNotice['message']): message is RpcNotification =>
  'method' in message && message.method === 'notifications/cancelled';

/** Says by HTTP why nothing was done: no answer comes by the stream. */
function refuse(reply: Reply, id: RequestId | null, cause: unknown): void {
  if (cause instanceof HostRefused) {
    // The server's own refusal of `initialize`, as it worded it.
    reply.json(400, JSON.stringify({ jsonrpc: '2.0', id, error: cause.data }));
    return;
  }
  const error = asAppError(cause);
  const isUnfit = error.code === 'server.failed' || error.code === 'server.stopped';
  if (!isUnfit) throw error;
  // Not 200, as it is where the answer to a POST is the answer to its request.
  const retryAfter: Record<string, string> =
    error.retryAfter === undefined ? {} : { 'retry-after': String(error.retryAfter) };
  const body = rpcError(id, error.rpcCode, error.message, error.data);
  reply.json(error.status, JSON.stringify(body), retryAfter);
}
