import type { RequestId, RpcRequest } from '../../../core/json-rpc.ts';
import { asFields, digestOf } from '../fields.ts';
import type { IncomingKey, IncomingRequest } from '../incoming.ts';
import { rewritten } from '../raw-json.ts';
import { type ModernClient, serverMeta } from './client-meta.ts';

/** One request of a modern client. */
export interface Call {
  /** As the client sent it. */
  readonly request: RpcRequest;
  readonly client: ModernClient;
  readonly key: IncomingKey;
  /**
   * The id by which the server knows it, and its progress token: clients share a channel, but choose their ids by
   * themselves. The same whenever the request is sent again with its key.
   */
  readonly serverId: string;
  /** Under which the client wants its progress; undefined: it does not. */
  readonly progressToken: RequestId | undefined;
}

export function newCall(request: RpcRequest, client: ModernClient, key: IncomingKey): Call {
  const token = asFields(request.params?._meta)?.progressToken as RequestId | undefined;
  return { request, client, key, serverId: digestOf([key.key, request.id, request.method]), progressToken: token };
}

/**
 * The request, as a server of an earlier revision is to get it.
 * @param body as the client wrote it, JSON without line breaks
 */
export function incomingOf({ request, key, serverId, progressToken }: Call, body: string): IncomingRequest {
  const { _meta, inputResponses: _responses, requestState: _state, ...params } = request.params ?? {};
  const kept = serverMeta(_meta);
  const meta = progressToken === undefined ? kept : { ...kept, progressToken: serverId };
  const { method } = request;
  const message: RpcRequest = {
    jsonrpc: '2.0',
    id: serverId,
    method,
    params: meta === undefined ? params : { ...params, _meta: meta },
  };
  const own = rewritten(body, ['params'], { _meta: meta, inputResponses: undefined, requestState: undefined });
  return { message, payload: rewritten(own, [], { id: serverId }), ...key };
}
