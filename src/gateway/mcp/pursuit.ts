import type { EndReason, Ran } from '../../core/channel.ts';
import { AppError, asAppError, type ErrorCode } from '../../core/errors.ts';
import { type HostLink, HostRefused, type Leave, LinkLost, type Subscriber } from '../../core/host-link.ts';
import type { Hold } from '../../core/meter.ts';
import { holdOutcome } from './hold-outcome.ts';
import type { Reach } from './reach.ts';
import type { Target } from './target.ts';

/** Where the messages of one stream go. After `last`, `end` or `failed` nothing comes. */
export interface Sink {
  /**
   * @param own it is a gateway's message, not the server's
   * @param ran of the answer to a post that was `timed`
   * @returns true: the client has it (core/host-link.ts)
   */
  entry(offset: number, payload: Buffer, last: boolean, own: boolean, ran?: Ran): unknown;
  end(why: EndReason): void;
  failed(error: AppError): void;
  /** A client waits for it: while its instance is looked for, it is a request that is held. */
  readonly held?: true;
  /** The channel is in another instance now: what the server may have said in between is not known. */
  moved?(): void;
}

/** Begins, or goes on, on a link. `seen`: offset of the last message that was passed on; undefined: none yet. */
export type Begin = (link: HostLink, subscriber: Subscriber, seen: number | undefined) => Leave;

/** Where a stream is: offset of the last message that was passed on, and which start of the host's log that is from. */
export interface Place {
  readonly seen?: number | undefined;
  readonly boot?: string | undefined;
}

/** Links that may be lost in a row without one message in between: more, and it is this stream that breaks them. */
const MAX_LOSSES = 5;
/** Say that nothing was done. */
const TRY_AGAIN: ReadonlySet<ErrorCode> = new Set(['server.busy', 'store.unavailable', 'session.quota']);

/**
 * One stream of one channel, followed through whatever happens to links: when one is lost the instance is found again and
 * the stream goes on there. A message that was posted is never run twice (D3): it is posted again only to the same host,
 * which knows its key.
 */
export class Pursuit implements Subscriber {
  readonly #reach: Reach;
  readonly #target: Target;
  readonly #begin: Begin;
  readonly #sink: Sink;
  #leave: Leave | undefined;
  #boot: string | undefined;
  #seen: number | undefined;
  #losses = 0;
  #done = false;
  #hold: Hold | undefined;

  constructor(reach: Reach, target: Target, begin: Begin, sink: Sink, place: Place = {}) {
    this.#reach = reach;
    this.#target = target;
    this.#begin = begin;
    this.#sink = sink;
    this.#seen = place.seen;
    this.#boot = place.boot;
  }

  get place(): Place {
    return { seen: this.#seen, boot: this.#boot };
  }

  start(): this {
    const { link, reaching } = this.#target;
    if (link && !link.lost && !reaching) this.#on(link);
    else this.#find();
    return this;
  }

  /** Nothing more is wanted. What runs goes on running. */
  leave(): void {
    this.#done = true;
    this.#hold?.end('gone');
    this.#leave?.();
  }

  entry(offset: number, payload: Buffer, last: boolean, own: boolean, ran?: Ran): unknown {
    if (this.#done || (this.#seen !== undefined && offset <= this.#seen)) return;
    this.#seen = offset;
    this.#losses = 0;
    if (last) this.#done = true;
    return this.#sink.entry(offset, payload, last, own, ran);
  }

  end(why: EndReason): void {
    if (this.#done) return;
    this.#done = true;
    this.#sink.end(why);
  }

  failed(error: HostRefused | LinkLost): void {
    if (this.#done) return;
    if (error instanceof LinkLost || error.code === 'no-channel' || error.code === 'retired') {
      // This host has done nothing of it, so another may.
      if (error instanceof HostRefused && error.code === 'retired') this.#boot = undefined;
      this.#target.link = undefined;
      this.#losses += 1;
      if (this.#losses > MAX_LOSSES) this.#fail(unknownOutcome('The link to the server was lost again and again'));
      else this.#find();
    } else {
      if (error.code === 'gap' || error.code === 'no-stream') this.#reach.gap();
      this.#fail(asRelayError(error));
    }
  }

  #find(): void {
    this.#hold = this.#sink.held && this.#reach.hold();
    this.#reach.to(this.#target, this.#hold).then(
      ({ link }) => {
        this.#hold?.end('served');
        this.#on(link);
      },
      (error: unknown) => {
        this.#hold?.end(holdOutcome(error));
        this.#fail(this.#notFound(error));
      },
    );
  }

  /** Whoever has had it posted is not told to try again: it may have been run. */
  #notFound(cause: unknown): AppError {
    const error = cause instanceof HostRefused ? asRelayError(cause) : asAppError(cause);
    const begun = (this.#boot !== undefined || this.#seen !== undefined) && !this.#sink.moved;
    return begun && TRY_AGAIN.has(error.code) ? unknownOutcome('The server was lost while it ran this call') : error;
  }

  #on(link: HostLink): void {
    if (this.#done) return;
    if (this.#boot !== undefined && this.#boot !== link.boot) {
      if (!this.#sink.moved) {
        this.#fail(unknownOutcome('The instance ended while it ran this call'));
        return;
      }
      this.#seen = undefined; // offsets of another log
      this.#sink.moved();
    }
    this.#boot = link.boot;
    this.#leave = this.#begin(link, this, this.#seen);
  }

  #fail(error: AppError): void {
    if (this.#done) return;
    this.#done = true;
    this.#sink.failed(error);
  }
}

const unknownOutcome = (what: string) =>
  new AppError('call.outcome-unknown', `${what}; whether the call took effect is unknown`);

function asRelayError(error: HostRefused): AppError {
  switch (error.code) {
    case 'key-reused':
      return new AppError('request.key-reused', `${error.message}: each message needs a key of its own`);
    case 'followed':
      return new AppError('stream.taken', 'Another client listens to this connection');
    case 'gap':
    case 'no-stream':
      return new AppError(
        'call.result-gone',
        'What the server said is no longer kept; whether the call took effect is unknown',
      );
    default:
      return new AppError('server.failed', error.message, { data: error.data });
  }
}
