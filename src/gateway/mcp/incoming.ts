import type { RpcMessage, RpcNotification, RpcRequest, RpcResponse } from '../../core/json-rpc.ts';

/** One message of a client with what is needed to pass it on. */
export interface Incoming<M extends RpcMessage = RpcMessage> {
  readonly message: M;
  /** The message as the client wrote it, if it has no line breaks; else written anew. */
  readonly payload: Buffer | string;
  /** Idempotency key: the request's header, or a new one. */
  readonly key: string;
}
export type IncomingRequest = Incoming<RpcRequest>;
export type IncomingNotice = Incoming<RpcNotification | RpcResponse>;

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** The bytes of a message for a server on stdio, where a line break ends a message. */
export function singleLine(body: Buffer, message: unknown): Buffer | string {
  return body.includes(LINE_FEED) || body.includes(CARRIAGE_RETURN) ? JSON.stringify(message) : body;
}
