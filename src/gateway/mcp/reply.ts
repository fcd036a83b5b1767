import type { ServerResponse } from 'node:http';
import { errorTypeIn, errorTypeOf } from '../../core/error-type.ts';
import type { AppError, ErrorCode } from '../../core/errors.ts';
import { type RequestId, rpcError } from '../../core/json-rpc.ts';
import { type GatewayMeter, type Operation, type StreamKind, UNMEASURED } from '../../core/meter.ts';
import type { Heart } from './heart.ts';
import { isModern } from './versions.ts';

export interface StreamOptions {
  /** The `retry:` of a stream: after what time a client comes back, milliseconds. */
  readonly retryMs: number;
  /** How long an answer may take before its response becomes a stream, milliseconds. */
  readonly streamAfterMs: number;
}

/** Where the answer to one message of a client goes. */
export interface Reply {
  /** Makes the id of the event that a stream begins with; undefined: the client's revision has no such event. */
  primer: (() => string) | undefined;
  /** What it is if it becomes a stream; absent: an answer. */
  kind?: StreamKind;
  /** What measures the one request that this answers; absent: nothing does. */
  operation?: Operation | undefined;
  /** The client reads more slowly than the server speaks. */
  readonly congested: boolean;
  /** The client has gone, or everything was said. */
  readonly closed: boolean;
  /** Calls back when it is closed; at once, if it is. */
  onClose(callback: () => void): void;
  onDrain(callback: () => void): void;
  /** From now on an answer that takes long becomes a stream. */
  startTimer(): void;
  /** The host has the request: from now on its answer can be had through any gateway. */
  posted(): void;
  /** Begins the stream, if it has not begun. */
  stream(): void;
  /**
   * Sends one message.
   * @param id makes the event's id, if the message becomes an event
   * @param last the answer is complete with it
   */
  send(payload: Buffer, id: (() => string) | undefined, last: boolean): void;
  /** The whole answer is this JSON; in a stream that has begun, its last message. */
  json(status: number, body: Buffer | string, headers?: Readonly<Record<string, string>>): void;
  /** The answer is only a status: 202 for what needs none, 200 for a DELETE. */
  accept(status: 200 | 202): void;
  /** Ends without an answer: the request was cancelled, or the stream is somebody else's now. */
  end(): void;
  /** Answers with an error that carries the request's own id: clients hang on others (D6). */
  fail(error: AppError, id: RequestId | null): void;
}

/** To try again helps nobody there: the answer is the error, and not the lack of one. */
const SETTLED: ReadonlySet<ErrorCode> = new Set(['server.failed', 'server.stopped', 'upstream.failed']);
const DATA = Buffer.from('data: ');
const END = Buffer.from('\n\n');
const JSON_TYPE = 'application/json';

/**
 * The HTTP response to one POST or GET: one JSON body if the first message is the last, else a stream of server-sent events.
 * Headers are held back until the first message, so that a balancer may still retry, but not for longer than
 * `streamAfterMs`: then the stream begins with an event that the client can come back with.
 */
export class HttpReply implements Reply {
  readonly #res: ServerResponse;
  readonly #options: StreamOptions;
  readonly #heart: Heart;
  readonly #closers: (() => void)[] = [];
  /** Its client takes no events up again, and reads errors by the rules of the newer revisions. */
  readonly #modern: boolean;
  #timer: NodeJS.Timeout | undefined;
  #streaming = false;
  #complete: (() => void) | undefined;
  readonly #meter: Pick<GatewayMeter, 'streamOpened'>;
  #streamEnded: (() => void) | undefined;
  #posted = false;
  #idSent = false;
  primer: (() => string) | undefined;
  operation: Operation | undefined;
  kind: StreamKind = 'answer';

  constructor(
    res: ServerResponse,
    options: StreamOptions,
    heart: Heart,
    meter: Pick<GatewayMeter, 'streamOpened'> = UNMEASURED,
  ) {
    this.#meter = meter;
    this.#res = res;
    this.#options = options;
    this.#heart = heart;
    this.#modern = isModern(res.req.headers);
    res.once('close', () => this.#stop());
  }

  get closed(): boolean {
    return this.#res.destroyed || this.#res.writableEnded;
  }

  get congested(): boolean {
    return this.#res.writableLength > CONGESTED;
  }

  onClose(callback: () => void): void {
    if (this.#res.closed) callback();
    else this.#closers.push(callback);
  }

  onDrain(callback: () => void): void {
    this.#res.once('drain', callback);
  }

  startTimer(): void {
    this.#timer = setTimeout(() => this.stream(), this.#options.streamAfterMs);
  }

  posted(): void {
    this.#posted = true;
    this.#watch();
  }

  stream(): void {
    if (this.#streaming || this.closed) return;
    this.#streaming = true;
    this.#streamEnded = this.#meter.streamOpened(this.kind);
    clearTimeout(this.#timer);
    this.#res.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    });
    this.#res.write(this.#opening());
    this.#heart.add(this.#res);
    this.#watch();
  }

  send(payload: Buffer, id: (() => string) | undefined, last: boolean): void {
    if (this.closed) return;
    if (last && !this.#streaming) {
      this.json(200, payload);
      return;
    }
    this.stream();
    const head = id === undefined ? DATA : Buffer.from(`id: ${id()}\ndata: `);
    this.#res.write(Buffer.concat([head, payload, END]));
    this.#idSent ||= id !== undefined;
    if (last) this.#answered(payload);
  }

  json(status: number, body: Buffer | string, headers: Readonly<Record<string, string>> = {}): void {
    if (this.closed) return;
    clearTimeout(this.#timer);
    if (this.#streaming) {
      this.send(Buffer.from(body), undefined, true);
      return;
    }
    this.#res.writeHead(status, { 'content-type': JSON_TYPE, 'content-length': Buffer.byteLength(body), ...headers });
    this.#answered(body, body);
  }

  accept(status: 200 | 202): void {
    if (this.closed) return;
    this.#res.writeHead(status, { 'content-length': 0 }).end();
  }

  end(): void {
    if (this.closed) return;
    this.stream();
    this.#res.end();
    this.operation?.end('cancelled');
  }

  fail(error: AppError, id: RequestId | null): void {
    this.operation?.failing(errorTypeOf(error.code));
    const answer = rpcError(id, error.rpcCode, error.message, error.data);
    // The newer revisions have no null for an id that is not known (2026-07-28, schema `JSONRPCErrorResponse`).
    const body = JSON.stringify(this.#modern && id === null ? { ...answer, id: undefined } : answer);
    const headers: Record<string, string> = {};
    if (error.retryAfter !== undefined) headers['retry-after'] = String(error.retryAfter);
    if (error.status === 401) headers['www-authenticate'] = 'Bearer';
    if (error.status === 413) headers.connection = 'close';
    const isSettled = id !== null && SETTLED.has(error.code);
    this.json(isSettled ? 200 : this.#statusOf(error), body, headers);
  }

  /** The field block that a stream begins with; one without data is no event, but `retry` alone is taken all the same. */
  #opening(): string {
    const primer = this.primer === undefined ? '' : `id: ${this.primer()}\ndata: \n`;
    return `${primer}retry: ${this.#options.retryMs}\n\n`;
  }

  /** A method that is not there is a resource that is not there (2026-07-28, transports, "Protocol Version Header"). */
  #statusOf(error: AppError): number {
    return this.#modern && error.code === 'method.unknown' ? 404 : error.status;
  }

  /**
   * Has this answer ended for now when the gateway ends, if the client can get the rest of it from another one: it listens
   * only, or has an id to come back with and the host has its request. Any other is left to finish.
   */
  #watch(): void {
    this.#complete?.();
    this.#complete = this.#heart.onEnd(() => {
      const canComeBack = this.#posted && (this.primer !== undefined || this.#idSent);
      if (!canComeBack && this.#res.req.method !== 'GET') return;
      this.operation?.end(); // it goes on elsewhere
      this.end();
    });
  }

  /** Everything was said. @param rest what of it is not written yet */
  #answered(answer: Buffer | string, rest?: Buffer | string): void {
    this.#res.end(rest);
    if (!this.operation) return;
    const error = errorTypeIn(answer);
    if (error) this.operation.failing(error);
    this.operation.end();
  }

  #stop(): void {
    clearTimeout(this.#timer);
    this.#complete?.();
    this.#heart.remove(this.#res);
    this.#streamEnded?.();
    this.operation?.end('cancelled'); // if the client has not its answer by now
    for (const callback of this.#closers) callback();
  }
}

/** Bytes waiting for one client above which it is left to catch up from the host's log. */
const CONGESTED = 1 << 20;
