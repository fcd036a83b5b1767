import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { AppError } from '../../core/errors.ts';
import type { ServerName } from '../../core/ids.ts';
import { asMessage, type RpcMessage } from '../../core/json-rpc.ts';
import { bearer, single } from './guards.ts';
import type { Reply } from './reply.ts';

/** One HTTP request for MCP, of whatever revision, and the answer to it. */
export interface Exchange {
  readonly req: IncomingMessage;
  readonly reply: Reply;
  /** The one server of `/mcp/{server}` or `/sse/{server}`; absent: all of the session. */
  readonly server?: ServerName;
  /** The session token of `/t/{token}/...`. */
  readonly pathToken?: string;
}

/** The session token of a request. @throws AppError `auth.missing` (401) */
export function tokenOf({ req, pathToken }: Exchange): string {
  return pathToken ?? bearer(req.headers);
}

/** The key that the balancer, or the client, set for this request and all its repetitions; else one of our own. */
export function keyOf({ req }: Exchange): string {
  return single(req.headers['idempotency-key'])?.slice(0, 256) || randomUUID();
}

/** @throws AppError `request.invalid` */
export function validated(value: unknown): RpcMessage {
  const message = asMessage(value);
  if (typeof message === 'string') throw new AppError('request.invalid', `Not a JSON-RPC message: ${message}`);
  return message;
}
