import { errorTypeOf } from '../../core/error-type.ts';
import { AppError } from '../../core/errors.ts';
import { streamOf } from '../../core/ids.ts';
import type { Operation } from '../../core/meter.ts';
import { type RequestCursor, requestEventId } from './event-id.ts';
import type { IncomingRequest } from './incoming.ts';
import { postKind } from './post-kind.ts';
import { type Begin, Pursuit, type Sink } from './pursuit.ts';
import type { Reach } from './reach.ts';
import type { Reply } from './reply.ts';
import type { Target } from './target.ts';
import { ServerSpan } from './traced.ts';
import { hasPriming } from './versions.ts';

/** What a server's message becomes on its way to the client; undefined: it cannot be written again, and is left out. */
export type Translate = (payload: Buffer) => Buffer | undefined;

/** Joins one request's stream, wherever its server runs, to the client's HTTP response. */
export class RequestStream {
  readonly #reach: Reach;
  readonly #target: Target;
  readonly #reply: Reply;
  readonly #translate: Translate | undefined;
  #pursuit: Pursuit | undefined;
  #operation: Operation | undefined;
  #span: ServerSpan | undefined;

  constructor(reach: Reach, target: Target, reply: Reply, translate?: Translate) {
    this.#reach = reach;
    this.#target = target;
    this.#reply = reply;
    this.#translate = translate;
    reply.onClose(() => {
      this.#pursuit?.leave();
      this.#span?.failed('cancelled'); // if it has no answer by now
    });
  }

  /** Posts the request and sends what comes. */
  post(incoming: IncomingRequest, protocolVersion: string): void {
    this.#span = ServerSpan.begin(incoming, this.#target.server);
    const { message, key, payload, operation } = this.#span?.incoming ?? incoming;
    const timed = this.#span ? ({ timed: true } as const) : {};
    const kind = postKind(incoming);
    const stream = streamOf(key);
    const { server, connection } = this.#target;
    const cursor: RequestCursor = { kind: 'request', server, stream, offset: 0, request: message.id };
    if (hasPriming(protocolVersion)) this.#reply.primer = () => requestEventId(cursor);
    this.#reply.startTimer();
    this.#operation = operation;
    const startedAt = performance.now();
    let isAtOnce = true;
    const begin: Begin = (link, subscriber, seen) => {
      if (seen !== undefined) return link.follow(connection, stream, seen, subscriber);
      if (!isAtOnce) operation?.waited(performance.now() - startedAt);
      const leave = link.post(connection, { key, kind, payload, ...timed }, subscriber);
      this.#reply.posted();
      operation?.posted();
      return leave;
    };
    this.#run(begin, cursor);
    isAtOnce = false;
  }

  /** Sends what comes behind `cursor`. */
  resume(cursor: RequestCursor): void {
    const begin: Begin = (link, subscriber, seen = cursor.offset) =>
      link.follow(this.#target.connection, cursor.stream, seen, subscriber);
    this.#reply.stream();
    this.#run(begin, cursor, cursor.offset);
  }

  #run(begin: Begin, cursor: RequestCursor, seen?: number): void {
    const reply = this.#reply;
    const sink: Sink = {
      held: true,
      entry: (offset, payload, last, _own, ran) => {
        if (last) {
          this.#operation?.returned();
          this.#span?.answered(payload, ran);
        }
        const translated = this.#translate ? this.#translate(payload) : payload;
        if (translated) reply.send(translated, () => requestEventId({ ...cursor, offset }), last);
        else if (last) reply.fail(unwritable(), cursor.request);
        if (last || !reply.congested) return;
        // The client is slow: the rest waits in the host's log, not here.
        pursuit.leave();
        reply.onDrain(() => this.resume({ ...cursor, offset }));
      },
      end: () => {
        this.#span?.failed('cancelled');
        reply.end();
      },
      failed: (error) => {
        this.#span?.failed(errorTypeOf(error.code));
        reply.fail(error, cursor.request);
      },
    };
    const pursuit = new Pursuit(this.#reach, this.#target, begin, sink, { seen });
    this.#pursuit = pursuit;
    if (!reply.closed) pursuit.start();
  }
}

const unwritable = () =>
  new AppError('upstream.failed', 'The server has answered with a message that is nested too deeply to be passed on');
