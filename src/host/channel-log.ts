import type { EndReason, FollowMode, PostKind, Ran, RefusalCode } from '../core/channel.ts';
import { STANDALONE } from '../core/channel.ts';
import type { Clock } from '../core/clock.ts';

/** Somebody to whom the entries of one stream go: one gateway, for one HTTP request of a client. */
export interface Follower {
  /**
   * @param own it is a gateway's message, not the server's
   * @param ran of the answer to a request
   */
  entry(offset: number, payload: Buffer, last: boolean, own: boolean, ran?: Ran): void;
  end(why: EndReason): void;
  /** It has more before it than it should: whoever produces waits for `onDrain`. */
  readonly congested: boolean;
  /** Calls back once when it is no longer congested, or gone. */
  onDrain(resume: () => void): void;
}

/** Why something asked of a channel cannot be done; becomes a `refused` frame. */
export class Refusal extends Error {
  readonly code: RefusalCode;
  readonly data: object | undefined;
  constructor(code: RefusalCode, message: string, data?: object) {
    super(message);
    this.code = code;
    this.data = data;
  }
}

interface Entry {
  readonly stream: Stream;
  readonly offset: number;
  readonly payload: Buffer;
  readonly own: boolean;
  readonly at: number;
}

/** The messages that belong to one request, or to none. */
export interface Stream {
  readonly name: string;
  readonly post: PostKind | undefined;
  /** When it was claimed, milliseconds since the epoch. */
  readonly at: number;
  readonly entries: Entry[];
  /** Offset of the last entry that is no longer kept; 0: none. */
  dropped: number;
  /** Offset of the last entry that a client had. */
  seen: number;
  /** Offset of the last entry that was handed to the follower. */
  handed: number;
  /** Since when the follower has had an entry that its client has not, milliseconds since the epoch; undefined: it has not. */
  unseenSince: number | undefined;
  complete: boolean;
  follower: Follower | undefined;
  /** Offset behind which the follower follows: one that only asks whether somebody does gets nothing. */
  from: number;
  /** When its last follower left, milliseconds since the epoch; of no meaning while it has one. */
  leftAt: number;
}

const newStream = (name: string, start: number, at: number, post?: PostKind): Stream => ({
  name,
  post,
  at,
  entries: [],
  dropped: 0,
  seen: start,
  handed: start,
  unseenSince: undefined,
  complete: false,
  follower: undefined,
  from: 0,
  leftAt: 0,
});

/** More messages than one channel can have in a millisecond; the offsets stay exact as numbers until the year 2255. */
const OFFSETS_PER_MS = 1000;

/** A follower passes an entry on at once. One that has not after this time, milliseconds, does so no more. */
const UNSEEN_MS = 5000;

const sameKind = (a: PostKind, b: PostKind): boolean => JSON.stringify(a) === JSON.stringify(b);

/**
 * The ordered log of one channel (D2) and its ledger of idempotency keys (D3). Bounded in bytes, age and number of keys:
 * what is no longer kept is answered with `gap` or `no-stream`, never left out in silence. The streams of running
 * requests are kept whatever the bounds say.
 */
export class ChannelLog {
  readonly #bounds: { readonly logBytes: number; readonly logAgeMs: number; readonly keys: number };
  readonly #clock: Clock;
  readonly #streams = new Map<string, Stream>();
  /** Offsets of this log lie above it. */
  readonly #base: number;
  readonly standalone: Stream;
  /** Those who follow the standalone stream beside others. */
  readonly #sharers = new Set<Follower>();
  #entries: Entry[] = [];
  #head = 0;
  #bytes = 0;
  #offset: number;

  constructor(bounds: { logBytes: number; logAgeMs: number; keys: number }, clock: Clock) {
    this.#bounds = bounds;
    this.#clock = clock;
    // Above every offset of an earlier log of this channel, so that an offset from there is a gap and no silent one.
    this.#base = clock.now() * OFFSETS_PER_MS;
    this.#offset = this.#base;
    this.standalone = newStream(STANDALONE, this.#base, clock.now());
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Whether somebody waits for what the server says by itself. */
  get listened(): boolean {
    return this.standalone.follower !== undefined || this.#sharers.size > 0;
  }

  /** Whether this stream's key was seen before. */
  knows(name: string): boolean {
    return this.#streams.has(name);
  }

  /**
   * The stream of an idempotency key. `fresh` false: the key was seen before, and nothing may be run for it again.
   * @throws Refusal `key-reused` if it was seen with another message
   */
  claim(name: string, post: PostKind): { readonly stream: Stream; readonly fresh: boolean } {
    const known = this.#streams.get(name);
    if (known) {
      if (known.post && sameKind(known.post, post)) return { stream: known, fresh: false };
      throw new Refusal('key-reused', 'This idempotency key was used with another message');
    }
    const stream = newStream(name, this.#offset, this.#clock.now(), post);
    this.#streams.set(name, stream);
    if (this.#streams.size > this.#bounds.keys) this.#forgetOldest();
    return { stream, fresh: true };
  }

  /**
   * Appends one message; `last` completes the stream.
   * @param own it is a gateway's, not the server's
   */
  append(stream: Stream, payload: Buffer, last: boolean, own = false): void {
    const entry: Entry = { stream, offset: ++this.#offset, payload, own, at: this.#clock.now() };
    stream.entries.push(entry);
    this.#entries.push(entry);
    this.#bytes += payload.length;
    if (last) stream.complete = true;
    if (stream.follower && entry.offset > stream.from) this.#hand(stream, stream.follower, entry);
    if (stream === this.standalone) for (const sharer of this.#sharers) sharer.entry(entry.offset, payload, false, own);
    this.trim();
  }

  /** Completes a stream whose messages, if there are any, are not in it. */
  complete(stream: Stream): void {
    stream.complete = true;
    const { follower } = stream;
    stream.follower = undefined;
    follower?.end('done');
  }

  /**
   * Hands `follower` what the stream has behind `from` and, unless it is complete, what will come.
   * @param from an offset, 0 for the beginning; absent: behind what a client had before
   * @throws Refusal `no-stream`, `followed`, or `gap` if the log no longer reaches back to `from`
   */
  follow(name: string, from: number | undefined, follower: Follower, mode?: FollowMode): Stream {
    if (mode === 'share') {
      this.#sharers.add(follower);
      return this.standalone;
    }
    const stream = name === STANDALONE ? this.standalone : this.#streams.get(name);
    if (!stream) throw new Refusal('no-stream', 'This stream is not kept here, or no longer');
    if (mode === 'free' && this.#isTaken(stream)) throw new Refusal('followed', 'Somebody else follows this stream');
    const start = from ?? stream.seen;
    const ofEarlierLog = start > 0 && start < this.#base;
    if (start < stream.dropped || ofEarlierLog) {
      stream.seen = Math.max(stream.seen, stream.dropped); // told: who asks for the rest gets what is kept
      const id = stream.post?.type === 'request' ? { id: stream.post.id } : {};
      throw new Refusal('gap', 'Messages of this stream are no longer kept', id);
    }
    stream.follower?.end('replaced');
    stream.follower = follower;
    stream.from = start;
    stream.unseenSince = undefined;
    for (const entry of stream.entries) {
      if (entry.offset > start) this.#hand(stream, follower, entry);
    }
    // A stream that ends with a message ended with that entry; here only what has nothing (more) to say.
    if (stream.complete && (stream.entries.at(-1)?.offset ?? 0) <= start) {
      stream.follower = undefined;
      follower.end('done');
    }
    return stream;
  }

  leave(stream: Stream, follower: Follower): void {
    this.#sharers.delete(follower);
    if (stream.follower !== follower) return;
    stream.follower = undefined;
    stream.leftAt = this.#clock.now();
  }

  /** The client of this follower has what it was handed up to `offset`. */
  seen(stream: Stream, follower: Follower, offset: number): void {
    if (stream.follower !== follower) return;
    stream.seen = Math.max(stream.seen, offset);
    stream.unseenSince = offset >= stream.handed ? undefined : this.#clock.now();
  }

  /** A follower that does not pass on what it gets may be a gateway that hangs: its client is elsewhere by now. */
  #isTaken({ follower, unseenSince = Number.POSITIVE_INFINITY }: Stream): boolean {
    return follower !== undefined && unseenSince > this.#clock.now() - UNSEEN_MS;
  }

  /** Those to whom what is appended to this stream goes. */
  listeners(stream: Stream): Follower[] {
    const { follower } = stream;
    return [...(follower ? [follower] : []), ...(stream === this.standalone ? this.#sharers : [])];
  }

  /** Whether more will come to this follower. */
  follows(stream: Stream, follower: Follower): boolean {
    return stream.follower === follower || this.#sharers.has(follower);
  }

  /** Ends every follower; the channel is being closed. */
  close(): void {
    for (const stream of [this.standalone, ...this.#streams.values()]) {
      stream.follower?.end('closed');
      stream.follower = undefined;
    }
    for (const sharer of this.#sharers) sharer.end('closed');
    this.#sharers.clear();
  }

  /** Drops what is over the bounds; the newest entry stays. Called with each entry and from time to time. */
  trim(): void {
    const oldest = this.#clock.now() - this.#bounds.logAgeMs;
    while (this.#head < this.#entries.length - 1) {
      const entry = this.#entries[this.#head] as Entry;
      if (this.#bytes <= this.#bounds.logBytes && entry.at >= oldest) break;
      this.#head += 1;
      this.#bytes -= entry.payload.length;
      entry.stream.entries.shift();
      entry.stream.dropped = entry.offset;
    }
    if (this.#head > 64 && this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
  }

  #hand(stream: Stream, follower: Follower, entry: Entry): void {
    stream.handed = entry.offset;
    stream.unseenSince ??= this.#clock.now();
    const last = stream.complete && entry === stream.entries.at(-1);
    if (last) stream.follower = undefined;
    follower.entry(entry.offset, entry.payload, last, entry.own, last ? [stream.at, entry.at] : undefined);
  }

  /** Forgets the key that has been complete for longest, with what is kept of its stream. */
  #forgetOldest(): void {
    for (const stream of this.#streams.values()) {
      if (!stream.complete) continue;
      this.#streams.delete(stream.name);
      return;
    }
  }
}
