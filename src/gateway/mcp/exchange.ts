import { hash, randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { AppError } from '../../core/errors.ts';
import type { ServerName } from '../../core/ids.ts';
import { asMessage, type RpcError, type RpcMessage, type RpcRequest, type RpcResult } from '../../core/json-rpc.ts';
import type { Operation } from '../../core/meter.ts';
import { bearer, single } from './guards.ts';
import type { IncomingKey } from './incoming.ts';
import type { Reply } from './reply.ts';

/** Characters of base64url: 132 bits. */
const DIGEST = 22;

/** One HTTP request for MCP, of whatever revision, and the answer to it. */
export interface Exchange {
  readonly req: IncomingMessage;
  readonly reply: Reply;
  /** The one server of `/mcp/{server}` or `/sse/{server}`; absent: all of the session. */
  readonly server?: ServerName;
  /** The session token of `/t/{token}/...`. */
  readonly pathToken?: string;
  /**
   * Begins to measure a request that came with it.
   * @param version of the protocol; absent: as the HTTP request says
   */
  readonly measure: (request: RpcRequest, version?: string) => Operation;
}

/** The session token of a request. @throws AppError `auth.missing` (401) */
export function tokenOf({ req, pathToken }: Exchange): string {
  return pathToken ?? bearer(req.headers);
}

/**
 * The key that the balancer, or the client, set for this request and all its repetitions, and what it stands for; else one of
 * our own, which nobody can send again.
 */
export function keyOf({ req }: Exchange, body: Buffer): IncomingKey {
  const key = single(req.headers['idempotency-key'])?.slice(0, 256);
  return key ? { key, digest: hash('sha256', body, 'base64url').slice(0, DIGEST) } : { key: randomUUID() };
}

/**
 * A message as MCP has it. What servers do not take for one they drop without a word, and its sender would wait for ever.
 * @throws AppError `request.invalid`
 */
export function validated(value: unknown): RpcMessage {
  const message = asMessage(value);
  const wrong = typeof message === 'string' ? message : flawOf(message);
  if (wrong !== undefined) throw new AppError('request.invalid', `Not a JSON-RPC message: ${wrong}`);
  return message as RpcMessage;
}

/** What MCP asks of a message beyond JSON-RPC (2025-11-25, basic, "Messages", and basic/utilities/progress). */
function flawOf(message: RpcMessage): string | undefined {
  const { id, method, params, result, error } = message as Partial<RpcRequest & RpcResult & RpcError>;
  if (typeof id === 'number' && !Number.isSafeInteger(id)) return '"id" must be a string or an integer';
  if (method === undefined) return undefined;
  if (result !== undefined || error !== undefined)
    return 'a message with "method" must have neither "result" nor "error"';
  const { _meta } = params ?? {};
  if (_meta === undefined) return undefined;
  if (typeof _meta !== 'object' || _meta === null || Array.isArray(_meta)) return '"_meta" must be an object';
  const { progressToken } = _meta as { progressToken?: unknown };
  if (progressToken === undefined || typeof progressToken === 'string' || Number.isSafeInteger(progressToken))
    return undefined;
  return '"progressToken" must be a string or an integer';
}
