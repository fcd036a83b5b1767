import type { PostKind } from '../../core/channel.ts';
import { isId, isRequest, isResponse, type RpcMessage } from '../../core/json-rpc.ts';

/** What a client's message is to a host (core/channel.ts). */
export function postKind(message: RpcMessage): PostKind {
  if (isRequest(message)) {
    const meta = message.params?._meta as { progressToken?: unknown } | undefined;
    const progress = meta?.progressToken;
    const { id, method } = message;
    return isId(progress) ? { type: 'request', id, method, progress } : { type: 'request', id, method };
  }
  if (isResponse(message)) return { type: 'response', id: message.id ?? '' };
  const cancels = message.method === 'notifications/cancelled' ? message.params?.requestId : undefined;
  const { method } = message;
  return isId(cancels) ? { type: 'notification', method, cancels } : { type: 'notification', method };
}
