import type { HostLimits, PostKind } from '../core/channel.ts';
import type { Clock } from '../core/clock.ts';
import { AppError, asAppError, ERRORS, messageOf } from '../core/errors.ts';
import { connectionLabel } from '../core/ids.ts';
import { isRequest, isResponse, type RequestId, type RpcMessage, type RpcRequest, rpcError } from '../core/json-rpc.ts';
import type { CallLedger } from './call-ledger.ts';
import { ChannelLog, type Follower, Refusal, type Stream } from './channel-log.ts';
import { type ChannelServer, withoutRoots } from './channel-server.ts';
import { Handshake } from './handshake.ts';
import type { Launcher } from './launcher.ts';
import type { ServerEvents, ServerHandle } from './server-handle.ts';

type RequestPost = PostKind & { type: 'request' };

/** Notifications that concern no single request, whatever is running (2025-11-25, server/*, "List Changed Notification"). */
const UNRELATED = /^notifications\/(?:(?:tools|prompts|resources)\/list_changed|resources\/updated)$/;

/** The one request that may change something outside of the server. */
const CALL = 'tools/call';

/** The requests in which a server may have something to ask (2026-07-28, basic/patterns/mrtr, "Supported Requests"). */
const ASKING: ReadonlySet<string> = new Set(['tools/call', 'prompts/get', 'resources/read']);

const encode = (message: object): Buffer => Buffer.from(JSON.stringify(message));

/**
 * One MCP conversation of one client with one server: its log, its running requests, and the server, which is started
 * on first use, ended when idle, and started again and initialized again without the client noticing.
 */
export class Channel implements ServerEvents {
  readonly id: string;
  readonly log: ChannelLog;
  /** What the gateways know of this connection; of no meaning here (core/channel.ts, `recall`). */
  memo: object | undefined;
  readonly #launcher: Launcher;
  readonly #clientRoots: boolean;
  readonly #ledger: CallLedger | undefined;
  readonly #journal: ChannelServer['log'];
  readonly #onReplay: () => void;
  readonly #label: string;
  readonly #clock: Clock;
  readonly #handshake: Handshake;
  readonly #closed = new AbortController();
  readonly #running = new Map<RequestId, Stream>();
  /** The streams of requests whose answers go to the standalone stream. */
  readonly #out = new Set<Stream>();
  /** The server's own requests that the client has not answered: the stream that they are on, and since when, milliseconds. */
  readonly #asked = new Map<RequestId, { readonly stream: Stream; readonly at: number }>();
  #server: ServerHandle | undefined;
  #starting: Promise<void> | undefined;
  #waiting: Buffer[] = [];
  lastUsedAt: number;

  /** @param initialize the client's `initialize` parameters, JSON */
  constructor(id: string, initialize: Buffer, server: ChannelServer, limits: HostLimits, clock: Clock) {
    this.id = id;
    this.log = new ChannelLog(limits, clock);
    this.#launcher = server.launcher;
    this.#clientRoots = server.clientRoots;
    this.#ledger = server.ledger;
    this.#journal = server.log;
    this.#onReplay = server.onReplay;
    this.#label = connectionLabel(id);
    this.#clock = clock;
    const told = server.clientRoots ? initialize : withoutRoots(initialize);
    this.#handshake = new Handshake(told, limits.initializeMs, clock);
    this.lastUsedAt = clock.now();
  }

  /** True while ending the server would be noticed. */
  get busy(): boolean {
    return this.#running.size > 0 || this.#asked.size > 0 || this.#starting !== undefined || this.log.listened;
  }
  get hasServer(): boolean {
    return this.#server !== undefined;
  }

  /**
   * The server's `initialize` result, JSON. Starts the server if it was never started.
   * @param resume the client was told of an earlier initialization: the server gets `notifications/initialized` from here
   * @throws Refusal `server-failed` or `initialize-refused`
   */
  async open(resume: boolean): Promise<Buffer> {
    if (resume) this.#confirm();
    if (this.#handshake.result === undefined) {
      try {
        await this.#ensure();
      } catch (error) {
        if (error instanceof Refusal) throw error;
        const { message, data, retryAfter } = asAppError(error);
        throw new Refusal('server-failed', message, { ...data, ...(retryAfter === undefined ? {} : { retryAfter }) });
      }
    }
    return this.#handshake.result as Buffer;
  }

  /**
   * Hands a message to the server, unless its key was seen before. A request's answer goes to `follower`.
   * @param name of the key's stream (core/ids.ts, `streamOf`)
   * @param out what belongs to this request goes to the standalone stream
   * @throws Refusal `key-reused` or `gap`
   */
  post(name: string, post: PostKind, payload: Buffer, follower: Follower, out = false): Stream {
    this.lastUsedAt = this.#clock.now();
    const { stream, fresh } = this.log.claim(name, post);
    if (post.type !== 'request') {
      this.log.complete(stream);
      if (fresh) this.#pass(post, payload);
      return this.log.follow(name, 0, follower);
    }
    if (fresh && out) this.#out.add(stream);
    if (!fresh) this.#onReplay();
    else {
      const error = this.#objection(name, post);
      if (error) this.#append(stream, encode(rpcError(post.id, error.rpcCode, error.message)), true);
      else this.#run(stream, post, payload);
    }
    return this.log.follow(name, 0, follower);
  }

  /** Answers the server's questions in place of a client that has been gone since before `since`, milliseconds since the epoch. */
  giveUp(since: number): void {
    for (const [id, { stream, at }] of this.#asked) {
      const { follower, leftAt } = this.#carrierOf(stream);
      if (follower || Math.max(at, leftAt) > since) continue;
      this.#asked.delete(id);
      this.#server?.send(
        encode(rpcError(id, ERRORS['upstream.failed'].rpc, 'The client has gone, and did not answer')),
      );
    }
  }

  /** Ends an idle server; the next message starts one again. */
  async sleep(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    await server?.close();
  }

  async close(): Promise<void> {
    this.#closed.abort(new AppError('connection.over', 'The connection was closed'));
    this.log.close();
    await this.#starting?.catch(() => {});
    await this.sleep();
  }

  /** Called by the server. */
  onMessage(message: RpcMessage, raw: Buffer, related?: RequestId): void {
    this.lastUsedAt = this.#clock.now();
    if (this.#handshake.take(message)) return;
    if (isResponse(message)) {
      const stream = message.id === null ? undefined : this.#running.get(message.id);
      if (!stream) return; // cancelled meanwhile, or never asked
      this.#running.delete(message.id as RequestId);
      this.#append(stream, raw, true);
      this.#note(stream, 'error' in message ? 'request answered with an error' : 'request answered');
      return;
    }
    if (isRequest(message)) {
      const own = this.#ownAnswer(message);
      if (own) {
        this.#server?.send(encode(own));
        return;
      }
    } else if (message.method === 'notifications/cancelled') {
      this.#asked.delete(message.params?.requestId as RequestId);
    }
    const stream = this.#streamFor(message, related);
    if (isRequest(message)) this.#asked.set(message.id, { stream, at: this.#clock.now() });
    this.#append(stream, raw, false);
  }

  /** Called by the server when it has ended by itself. What was running has an outcome that nobody knows (D3). */
  onExit(reason: string): void {
    this.#server = undefined;
    this.#handshake.fail(this.#launcher.describe(reason));
    if (this.#starting) return;
    this.#failRunning(
      new AppError(
        'call.outcome-unknown',
        `The server ended while it ran this call (${reason}); whether the call took effect is unknown`,
      ),
    );
    this.#asked.clear();
    // Somebody listens for what the server says by itself: have one again without waiting for a call.
    if (this.log.listened) this.#ensure().catch(() => {});
  }

  /** What the host itself answers to a server's request; undefined: the client is to answer it. */
  #ownAnswer({ id, method }: RpcRequest): RpcMessage | undefined {
    if (method === 'ping') return { jsonrpc: '2.0', id, result: {} };
    if (method === 'roots/list' && !this.#clientRoots)
      return rpcError(id, ERRORS['method.unknown'].rpc, 'No roots here');
    return undefined;
  }

  /** Why a request is not given to the server; undefined: it is. */
  #objection(name: string, { id, method }: RequestPost): AppError | undefined {
    if (this.#running.has(id)) return new AppError('request.invalid', 'A request with this id is still running');
    if (method !== CALL || !this.#ledger || this.#ledger.begin(this.id, name)) return undefined;
    return new AppError(
      'call.outcome-unknown',
      'The instance that ran this call has ended; whether the call took effect is unknown',
    );
  }

  #run(stream: Stream, post: RequestPost, payload: Buffer): void {
    this.#running.set(post.id, stream);
    this.#note(stream, 'request given to the server');
    this.#handshake.remember(post.method, payload);
    this.#send(payload);
  }

  /** A notification or a response of the client, or a gateway's message to it. */
  #pass(post: Exclude<PostKind, RequestPost>, payload: Buffer): void {
    if (post.type === 'own') {
      this.log.append(this.log.standalone, payload, false, true);
      return;
    }
    if (post.type === 'response') {
      const asked = this.#asked.get(post.id);
      if (!asked) return;
      this.#asked.delete(post.id);
      this.#goesOn(asked.stream);
      this.#send(payload);
      return;
    }
    if (post.method === 'notifications/initialized') this.#confirm();
    else if (post.method === 'notifications/cancelled') this.#cancel(post, payload);
    else if (post.method === 'notifications/roots/list_changed' && !this.#clientRoots) return;
    // A sleeping server has no use for a notification.
    else if (this.#server || this.#starting) this.#send(payload);
  }

  #confirm(): void {
    this.#handshake.confirm(this.#starting ? undefined : this.#server);
  }

  /** A cancelled request gets no answer (2025-11-25, basic/utilities/cancellation): its stream is complete without one. */
  #cancel({ cancels: id, unlessFollowed }: PostKind & { type: 'notification' }, payload: Buffer): void {
    const stream = id === undefined ? undefined : this.#running.get(id);
    if (!stream || id === undefined) return;
    if (unlessFollowed && this.#carrierOf(stream).follower) return;
    this.#running.delete(id);
    this.#out.delete(stream);
    this.log.complete(stream);
    this.#note(stream, 'request cancelled');
    this.#send(payload);
  }

  #send(payload: Buffer): void {
    if (this.#server && !this.#starting) {
      this.#server.send(payload);
      return;
    }
    this.#waiting.push(payload);
    this.#ensure().catch((error: unknown) => {
      this.#waiting = [];
      this.#failRunning(error instanceof AppError ? error : new AppError('server.failed', messageOf(error)));
    });
  }

  #ensure(): Promise<void> {
    if (this.#server && !this.#starting) return Promise.resolve();
    this.#starting ??= this.#start().finally(() => {
      this.#starting = undefined;
    });
    return this.#starting;
  }

  async #start(): Promise<void> {
    const server = await this.#launcher.acquire(this, this.#closed.signal);
    this.#server = server;
    try {
      await this.#handshake.run(server, this.#closed.signal);
    } catch (error) {
      await this.sleep();
      throw this.#startError(error);
    }
    this.#launcher.succeeded();
    this.#starting = undefined;
    for (const payload of this.#waiting.splice(0)) server.send(payload);
  }

  /** Notes what became of a start that came as far as `initialize`. */
  #startError(error: unknown): unknown {
    if (this.#closed.signal.aborted) this.#launcher.abandoned();
    // The client gets the server's own refusal of its `initialize`; a refused replay is a failure like others.
    else if (error instanceof Refusal && this.#handshake.result === undefined) this.#launcher.succeeded();
    else if (!(error instanceof AppError)) return this.#launcher.failed(messageOf(error));
    return error;
  }

  /** The stream on which the client hears what belongs to `stream`. */
  #carrierOf(stream: Stream): Stream {
    return this.#out.has(stream) ? this.log.standalone : stream;
  }

  #failRunning(error: AppError): void {
    for (const [id, stream] of this.#running) {
      this.#note(stream, 'request failed: its outcome is unknown', 'warn');
      this.#append(stream, encode(rpcError(id, error.rpcCode, error.message, error.data)), true);
    }
    this.#running.clear();
  }

  /** Which request of which connection, and its method: nothing of what is in it. */
  #note({ name: request, post }: Stream, message: string, level: 'debug' | 'warn' = 'debug'): void {
    this.#journal?.[level]({ request, connection: this.#label, method: (post as RequestPost).method }, message);
  }

  /** Appends what the server said, and stops reading it while whoever follows cannot keep up. */
  #append(stream: Stream, raw: Buffer, last: boolean): void {
    const out = this.#out.has(stream);
    const carrier = this.#carrierOf(stream);
    const listeners = this.log.listeners(carrier);
    this.log.append(carrier, raw, last && !out);
    if (out && last) {
      this.#out.delete(stream);
      this.log.complete(stream);
    }
    const server = this.#server;
    const slow = listeners.find(({ congested }) => congested);
    if (!slow || !server) return;
    server.pause();
    slow.onDrain(() => server.resume());
  }

  /**
   * The stream that a server's notification or request belongs to. stdio does not say, so: progress goes where its token
   * came from, what concerns the lists to the standalone stream, and the rest to the request that began last, or went on last
   * with an answer of the client; a question to one in which servers do ask.
   */
  #streamFor(message: RpcMessage, related: RequestId | undefined): Stream {
    const told = related === undefined ? undefined : this.#running.get(related);
    if (told) return told;
    const method = 'method' in message ? message.method : '';
    if (UNRELATED.test(method)) return this.log.standalone;
    if (method === 'notifications/progress') {
      const token = (message as { params?: { progressToken?: unknown } }).params?.progressToken;
      for (const stream of this.#running.values()) {
        if ((stream.post as RequestPost).progress === token) return stream;
      }
    }
    const running = [...this.#running.values()];
    const asking = isRequest(message)
      ? running.findLast(({ post }) => ASKING.has((post as RequestPost).method))
      : undefined;
    return asking ?? running.at(-1) ?? this.log.standalone;
  }

  /** What the server says next is most likely about this request. */
  #goesOn(stream: Stream): void {
    const { id } = (stream.post ?? {}) as Partial<RequestPost>;
    if (id === undefined || this.#running.get(id) !== stream) return;
    this.#running.delete(id);
    this.#running.set(id, stream);
  }
}
