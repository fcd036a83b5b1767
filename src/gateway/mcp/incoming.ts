import {
  isRequest,
  type RpcMessage,
  type RpcNotification,
  type RpcRequest,
  type RpcResponse,
} from '../../core/json-rpc.ts';
import type { Operation } from '../../core/meter.ts';

/** By which a host knows a message that it was sent before. */
export interface IncomingKey {
  /** Idempotency key: the request's header, or a new one. */
  readonly key: string;
  /** Of the body that came with that header (core/channel.ts, `PostKind`). */
  readonly digest?: string;
}

/** One message of a client with what is needed to pass it on. */
export interface Incoming<M extends RpcMessage = RpcMessage> extends IncomingKey {
  readonly message: M;
  /** The message as the client wrote it, or written anew; without line breaks. */
  readonly payload: Buffer | string;
  /** What measures it; absent: nothing does. */
  readonly operation?: Operation;
}
export type IncomingRequest = Incoming<RpcRequest>;
export type IncomingNotice = Incoming<RpcNotification | RpcResponse>;

export const isIncomingRequest = (incoming: IncomingRequest | IncomingNotice): incoming is IncomingRequest =>
  isRequest(incoming.message);

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;

/**
 * A JSON text for a server on stdio, where a line break ends a message: `body` itself, its line breaks made spaces. In JSON
 * they are never anything but white space between tokens (RFC 8259, sections 2 and 7).
 */
export function singleLine(body: Buffer): Buffer {
  for (const breaks of [LINE_FEED, CARRIAGE_RETURN])
    for (let at = body.indexOf(breaks); at >= 0; at = body.indexOf(breaks, at + 1)) body[at] = SPACE;
  return body;
}
