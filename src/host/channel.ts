import type { HostLimits, PostKind } from '../core/channel.ts';
import type { Clock } from '../core/clock.ts';
import { AppError, asAppError, messageOf } from '../core/errors.ts';
import { connectionLabel } from '../core/ids.ts';
import { isRequest, isResponse, type RequestId, type RpcMessage, rpcError } from '../core/json-rpc.ts';
import { ChannelLog, type Follower, Refusal, type Stream } from './channel-log.ts';
import { type ChannelServer, withoutRoots } from './channel-server.ts';
import { Handshake } from './handshake.ts';
import { Questions } from './questions.ts';
import { type RequestPost, RunningRequests, requestOf } from './running-requests.ts';
import type { ServerEvents, ServerHandle } from './server-handle.ts';

/** The one request that may change something outside of the server. */
const CALL = 'tools/call';

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
  readonly #shared: ChannelServer;
  readonly #label: string;
  readonly #clock: Clock;
  readonly #handshake: Handshake;
  readonly #closed = new AbortController();
  readonly #running = new RunningRequests();
  /** The streams of requests whose answers go to the standalone stream. */
  readonly #out = new Set<Stream>();
  readonly #questions: Questions;
  #server: ServerHandle | undefined;
  #starting: Promise<void> | undefined;
  #waiting: Buffer[] = [];
  lastUsedAt: number;

  /** @param initialize the client's `initialize` parameters, JSON */
  constructor(id: string, initialize: Buffer, server: ChannelServer, limits: HostLimits, clock: Clock) {
    this.id = id;
    this.log = new ChannelLog(limits, clock);
    this.#shared = server;
    this.#questions = new Questions(server.clientRoots);
    this.#label = connectionLabel(id);
    this.#clock = clock;
    const told = server.clientRoots ? initialize : withoutRoots(initialize);
    this.#handshake = new Handshake(told, limits.initializeMs, clock);
    this.lastUsedAt = clock.now();
  }

  /** True while ending the server would be noticed. */
  get busy(): boolean {
    return this.#running.size > 0 || this.#questions.size > 0 || this.#starting !== undefined || this.log.listened;
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
    if (!fresh) this.#shared.onReplay();
    else {
      const error = this.#objection(name, post);
      if (error) this.#append(stream, encode(rpcError(post.id, error.rpcCode, error.message)), true);
      else this.#run(stream, post, payload);
    }
    return this.log.follow(name, 0, follower);
  }

  /** Answers the server's questions in place of a client that has been gone since before `since`, milliseconds since the epoch. */
  giveUp(since: number): void {
    for (const answer of this.#questions.giveUp(since, (stream) => this.#carrierOf(stream)))
      this.#server?.send(encode(answer));
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
      const stream = message.id === null ? undefined : this.#running.end(message.id);
      if (!stream) return; // cancelled meanwhile, or never asked
      this.#append(stream, raw, true);
      this.#note(stream, 'error' in message ? 'request answered with an error' : 'request answered');
      return;
    }
    if (isRequest(message)) {
      const own = this.#questions.ownAnswer(message);
      if (own) {
        this.#server?.send(encode(own));
        return;
      }
    } else if (message.method === 'notifications/cancelled') {
      this.#questions.end(message.params?.requestId as RequestId);
    }
    const stream = this.#running.concernedBy(message, related) ?? this.log.standalone;
    if (isRequest(message)) this.#questions.ask(message.id, stream, this.#clock.now());
    this.#append(stream, raw, false);
  }

  /** Called by the server when it has ended by itself. What was running has an outcome that nobody knows (D3). */
  onExit(reason: string): void {
    this.#server = undefined;
    this.#handshake.fail(this.#shared.launcher.describe(reason));
    if (this.#starting) return;
    this.#failRunning(
      new AppError(
        'call.outcome-unknown',
        `The server ended while it ran this call (${reason}); whether the call took effect is unknown`,
      ),
    );
    this.#questions.endAll();
    // Somebody listens for what the server says by itself: have one again without waiting for a call.
    if (this.log.listened) this.#ensure().catch(() => {});
  }

  /** Why a request is not given to the server; undefined: it is. */
  #objection(name: string, { id, method }: RequestPost): AppError | undefined {
    if (this.#running.get(id)) return new AppError('request.invalid', 'A request with this id is still running');
    if (method !== CALL || !this.#shared.ledger || this.#shared.ledger.begin(this.id, name)) return undefined;
    return new AppError(
      'call.outcome-unknown',
      'The instance that ran this call has ended; whether the call took effect is unknown',
    );
  }

  #run(stream: Stream, post: RequestPost, payload: Buffer): void {
    this.#running.begin(post.id, stream);
    this.#note(stream, 'request given to the server');
    this.#handshake.remember(post.method, payload);
    this.#send(payload);
  }

  /** A notification or a response of the client, or a gateway's message to it. */
  #pass(post: Exclude<PostKind, RequestPost>, payload: Buffer): void {
    if (post.type === 'own') this.log.append(this.log.standalone, payload, false, true);
    else if (post.type === 'response') this.#answer(post.id, payload);
    else if (post.method === 'notifications/initialized') this.#confirm();
    else if (post.method === 'notifications/cancelled') this.#cancel(post, payload);
    else if (post.method === 'notifications/roots/list_changed' && !this.#shared.clientRoots) return;
    // A sleeping server has no use for a notification.
    else if (this.#server || this.#starting) this.#send(payload);
  }

  #answer(id: RequestId, payload: Buffer): void {
    const asked = this.#questions.end(id);
    if (!asked) return;
    this.#running.goesOn(asked);
    this.#send(payload);
  }

  #confirm(): void {
    this.#handshake.confirm(this.#starting ? undefined : this.#server);
  }

  /** A cancelled request gets no answer (2025-11-25, basic/utilities/cancellation): its stream is complete without one. */
  #cancel({ cancels: id, unlessFollowed }: PostKind & { type: 'notification' }, payload: Buffer): void {
    const stream = id === undefined ? undefined : this.#running.get(id);
    if (!stream || id === undefined) return;
    if (unlessFollowed && this.#carrierOf(stream).follower) return;
    this.#running.end(id);
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
    const server = await this.#shared.launcher.acquire(this, this.#closed.signal);
    this.#server = server;
    try {
      await this.#handshake.run(server, this.#closed.signal);
    } catch (error) {
      await this.sleep();
      throw this.#startError(error);
    }
    this.#shared.launcher.succeeded();
    this.#starting = undefined;
    for (const payload of this.#waiting.splice(0)) server.send(payload);
  }

  /** Notes what became of a start that came as far as `initialize`. */
  #startError(error: unknown): unknown {
    if (this.#closed.signal.aborted) this.#shared.launcher.abandoned();
    // The client gets the server's own refusal of its `initialize`; a refused replay is a failure like others.
    else if (error instanceof Refusal && this.#handshake.result === undefined) this.#shared.launcher.succeeded();
    else if (!(error instanceof AppError)) return this.#shared.launcher.failed(messageOf(error));
    return error;
  }

  /** The stream on which the client hears what belongs to `stream`. */
  #carrierOf(stream: Stream): Stream {
    return this.#out.has(stream) ? this.log.standalone : stream;
  }

  #failRunning(error: AppError): void {
    for (const [id, stream] of this.#running.endAll()) {
      this.#note(stream, 'request failed: its outcome is unknown', 'warn');
      this.#append(stream, encode(rpcError(id, error.rpcCode, error.message, error.data)), true);
    }
  }

  /** Which request of which connection, and its method: nothing of what is in it. */
  #note(stream: Stream, message: string, level: 'debug' | 'warn' = 'debug'): void {
    const about = { request: stream.name, connection: this.#label, method: requestOf(stream).method };
    this.#shared.log?.[level](about, message);
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
}
