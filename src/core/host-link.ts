import type { EndReason, FollowMode, PostKind, Ran, RefusalCode } from './channel.ts';
import type { Endpoint } from './session.ts';

/** Where a host is, and the secret that it knows a gateway by. */
export interface HostAddress {
  readonly endpoint: Endpoint;
  readonly secret: string;
}

/** Who gets what a host sends for one `post` or `follow`. After `end`, `failed` or an entry that is `last` nothing comes. */
export interface Subscriber {
  /**
   * One message of the server: its bytes as the server wrote them.
   * @param own it is a message of a gateway's to its client
   * @param ran of the answer to a post that was `timed`
   * @returns on the standalone stream: true, the client has it, and nobody else is to get it
   */
  entry(offset: number, payload: Buffer, last: boolean, own: boolean, ran?: Ran): unknown;
  end(why: EndReason): void;
  failed(error: HostRefused | LinkLost): void;
}

/** One message for a host. */
export interface Post {
  /** Idempotency key. */
  readonly key: string;
  readonly kind: PostKind;
  /** The message, JSON without line breaks. */
  readonly payload: Buffer | string;
  /** What belongs to this request goes to the standalone stream, its answer included; the subscriber gets `end` then. */
  readonly out?: true;
  /** When it ran is of interest. */
  readonly timed?: true;
}

/** Stops what was begun; nothing comes after it. */
export type Leave = () => void;

/** A gateway's link to one host (core/channel.ts). */
export interface HostLink {
  /** New with each start of the host: with another one, channels and keys are gone. */
  readonly boot: string;
  readonly lost: boolean;
  /**
   * Opens a channel, or finds it open; resolves with the server's `initialize` result, JSON.
   * @param initialize the client's parameters, JSON
   * @param memo what `recall` gives back: the connection's record, in case the store loses it (D5)
   * @throws HostRefused | LinkLost
   */
  open(channel: string, initialize: string, resume: boolean, memo?: object): Promise<Buffer>;
  /** The memo of a channel that the host holds, JSON. @throws HostRefused `no-channel` | LinkLost */
  recall(channel: string): Promise<Buffer>;
  /** Posts one message under an idempotency key. */
  post(channel: string, post: Post, subscriber: Subscriber): Leave;
  /** Follows a stream from behind an offset; absent: from behind what a client had of it before. */
  follow(channel: string, stream: string, from: number | undefined, subscriber: Subscriber, mode?: FollowMode): Leave;
  /**
   * Ends a channel.
   * @param over its client has ended it: a gateway that has not heard of that does not open it again
   * @throws HostRefused | LinkLost
   */
  close(channel: string, over?: boolean): Promise<void>;
}

export interface HostLinks extends AsyncDisposable {
  /** The link to this host, made if there is none. @throws LinkLost if the host cannot be reached */
  to(address: HostAddress, signal: AbortSignal): Promise<HostLink>;
}

/** The host said no. */
export class HostRefused extends Error {
  override readonly name = 'HostRefused';
  readonly code: RefusalCode;
  readonly data: Readonly<Record<string, unknown>>;
  constructor(code: RefusalCode, message: string, data: Readonly<Record<string, unknown>> = {}) {
    super(message);
    this.code = code;
    this.data = data;
  }
}

/** There is no connection to the host, or none any more. What was posted may have arrived or not. */
export class LinkLost extends Error {
  override readonly name = 'LinkLost';
}
