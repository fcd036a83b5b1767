import type { Clock } from '../../../core/clock.ts';
import { AppError, asAppError } from '../../../core/errors.ts';
import { HostRefused } from '../../../core/host-link.ts';
import { isRequest, isResponse, type RpcRequest } from '../../../core/json-rpc.ts';
import type { Connections } from '../connections.ts';
import type { Conversation } from '../conversation.ts';
import { parseEventId, type RequestCursor } from '../event-id.ts';
import { type Exchange, keyOf, tokenOf, validated } from '../exchange.ts';
import { asFields, type Fields } from '../fields.ts';
import type { Heart } from '../heart.ts';
import { singleLine } from '../incoming.ts';
import type { LiveSession } from '../live-session.ts';
import type { SessionCache } from '../session-cache.ts';
import { MODERN_VERSIONS, VERSIONS } from '../versions.ts';
import { ask } from './ask.ts';
import { incomingOf, newCall } from './call.ts';
import { CallReply } from './call-reply.ts';
import { clientOf, type ModernClient } from './client-meta.ts';
import { answersOf, isInterruptible } from './questions.ts';
import { checkHeaders } from './request-headers.ts';
import type { CallState, RequestStates } from './request-state.ts';
import { completeResult } from './results.ts';
import { Subscription } from './subscription.ts';
import { filterOf, supported } from './subscription-filter.ts';
import { virtualConnection } from './virtual-connection.ts';

/** What servers of earlier revisions are asked as it is; all the others are gone, or are answered here. */
const PASSED: ReadonlySet<string> = new Set([
  'tools/list',
  'tools/call',
  'prompts/list',
  'prompts/get',
  'resources/list',
  'resources/templates/list',
  'resources/read',
  'completion/complete',
]);
/** Capabilities of a server that clients of the newer revision can use. */
const CAPABILITIES = ['tools', 'prompts', 'resources', 'completions', 'logging', 'experimental', 'extensions'];
/** How long a subscription waits for the servers that it is for, milliseconds. */
const SUBSCRIBE_MS = 5000;
/** How long a call waits for the servers to take the log level, milliseconds. */
const LEVEL_MS = 1000;
/** Each channel is told once: the host knows the key. */
const LEVEL_KEY = 'modern-log-level';

export interface ModernHttpOptions {
  readonly sessions: SessionCache;
  readonly connections: Connections;
  readonly clock: Clock;
  readonly heart: Heart;
  readonly states: RequestStates;
}

/** A request that passed all checks, and whom it concerns. */
interface Admitted {
  readonly exchange: Exchange;
  readonly live: LiveSession;
  readonly request: RpcRequest;
  readonly client: ModernClient;
  readonly body: Buffer;
}

/**
 * Streamable HTTP without sessions (2026-07-28: basic/transports/streamable-http), for servers that speak earlier revisions:
 * a client's requests find their session by its token, and their channel by what the client says of itself.
 */
export class ModernHttp {
  readonly #options: ModernHttpOptions;

  constructor(options: ModernHttpOptions) {
    this.#options = options;
  }

  /**
   * @param value the body, parsed
   * @throws AppError
   */
  async post(exchange: Exchange, value: unknown, body: Buffer): Promise<void> {
    if (Array.isArray(value)) throw new AppError('request.invalid', 'This revision has no batches: send one message');
    const request = validated(value);
    if (isResponse(request)) throw new AppError('request.invalid', 'Clients of this revision send no responses');
    if (!isRequest(request)) {
      await this.#options.sessions.enter(tokenOf(exchange), exchange.reply);
      exchange.reply.accept(202); // there are none that mean anything here
      return;
    }
    try {
      checkHeaders(exchange.req.headersDistinct, request);
      const client = clientOf(request);
      const serve = this.#served(request.method);
      const live = await this.#options.sessions.enter(tokenOf(exchange), exchange.reply);
      await serve({ exchange, live, request, client, body });
    } catch (error) {
      throw readable(error);
    }
  }

  /** @throws AppError `method.unknown` */
  #served(method: string): (admitted: Admitted) => Promise<void> {
    if (PASSED.has(method)) return (admitted) => this.#call(admitted);
    if (method === 'server/discover') return (admitted) => this.#discover(admitted);
    if (method === 'subscriptions/listen') return (admitted) => this.#listen(admitted);
    throw new AppError('method.unknown', `Method not found: ${method.slice(0, 100)}`);
  }

  async #call({ exchange, live, request, client, body }: Admitted): Promise<void> {
    const { states, clock, heart } = this.#options;
    const interruptible = isInterruptible(request.method);
    const { id, nonce } = live.record;
    const principal = JSON.stringify([id, nonce, exchange.server ?? null]);
    const { requestState } = request.params ?? {};
    const from =
      interruptible && requestState !== undefined ? states.open(principal, request, requestState) : undefined;
    const answers = interruptible ? answersOf(request) : new Map<string, Fields>();
    const call = newCall(request, client, keyOf(exchange, body));
    const conversation = this.#conversation(exchange, live, client, from);
    const seal = (state: CallState) => states.seal(principal, request, state);
    const reply = new CallReply({ out: exchange.reply, heart, clock, conversation, call, answers, from, seal });
    reply.startTimer();
    const { operation } = exchange.reply;
    if (client.logLevel !== undefined) {
      const askedAt = performance.now();
      await this.#log(conversation);
      operation?.waited(performance.now() - askedAt);
    }
    try {
      if (reply.closed) return;
      if (from) conversation.resume(parseEventId(from.place) as RequestCursor, reply);
      else {
        const incoming = incomingOf(call, singleLine(body).toString());
        conversation.request({ ...incoming, ...(operation ? { operation } : {}) }, reply);
      }
    } catch (error) {
      reply.fail(asAppError(readable(error)));
    }
  }

  /**
   * Has the servers log everything: each client gets what it asked for out of that. One that does not, or not in time, is no
   * reason not to call it.
   */
  async #log(conversation: Conversation): Promise<void> {
    const { clock } = this.#options;
    await ask(conversation, 'logging/setLevel', { level: 'debug' }, { clock, ms: LEVEL_MS, key: LEVEL_KEY }).catch(
      () => {},
    );
  }

  async #discover({ exchange, live, request, client }: Admitted): Promise<void> {
    const { reply } = exchange;
    reply.startTimer();
    const conversation = this.#conversation(exchange, live, client);
    const greeting = (await conversation.initialize()) as Fields;
    const offered = asFields(greeting.capabilities) ?? {};
    const discovered = {
      supportedVersions: [...MODERN_VERSIONS, ...VERSIONS],
      capabilities: Object.fromEntries(Object.entries(offered).filter(([name]) => CAPABILITIES.includes(name))),
      ...(typeof greeting.instructions === 'string' ? { instructions: greeting.instructions } : {}),
    };
    const result = completeResult(request.method, discovered, conversation.serverInfo);
    reply.json(200, JSON.stringify({ jsonrpc: '2.0', id: request.id, result }));
  }

  async #listen({ exchange, live, request, client }: Admitted): Promise<void> {
    const wanted = filterOf(request);
    const { reply: out } = exchange;
    out.kind = 'subscription';
    const conversation = this.#conversation(exchange, live, client);
    out.startTimer();
    const { capabilities } = (await conversation.initialize()) as { readonly capabilities: Fields };
    const { lists, uris } = supported(wanted, capabilities);
    const subscription = new Subscription({
      out,
      heart: this.#options.heart,
      id: request.id,
      serverInfo: () => conversation.serverInfo,
      onResync: () => void this.#subscribe(conversation, uris),
    });
    conversation.listen(undefined, subscription, 'share');
    // Behind the servers' answers to these nothing is lost: they have been followed by then.
    const [taken] = await Promise.all([this.#subscribe(conversation, uris), conversation.initialize()]);
    subscription.acknowledge({ lists, uris: taken });
    out.operation?.end(); // what follows is what it listens to
  }

  /**
   * Has the servers tell of these resources; they do so for as long as they run, since another client that says the same of
   * itself may be listening, at another replica.
   * @returns those that they tell of
   */
  async #subscribe(conversation: Conversation, uris: readonly string[]): Promise<string[]> {
    const { clock } = this.#options;
    const taken = await Promise.all(
      uris.map((uri) =>
        ask(conversation, 'resources/subscribe', { uri }, { clock, ms: SUBSCRIBE_MS }).then(
          () => true,
          () => false,
        ),
      ),
    );
    return uris.filter((_, n) => taken[n]);
  }

  #conversation({ server, reply }: Exchange, live: LiveSession, client: ModernClient, from?: CallState): Conversation {
    const record = virtualConnection(live.record, server, client, from?.connection);
    return this.#options.connections.virtual(live, record, reply);
  }
}

/** What is thrown for other reasons than those that clients are told of. */
function readable(error: unknown): unknown {
  if (error instanceof HostRefused) return new AppError('server.failed', error.message, { data: error.data });
  // JSON that can be read, but not written again
  if (error instanceof RangeError) return new AppError('request.invalid', 'The body is nested too deeply');
  return error;
}
