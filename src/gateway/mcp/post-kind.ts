import type { PostKind } from '../../core/channel.ts';
import { isId, isRequest, isResponse } from '../../core/json-rpc.ts';
import type { Incoming } from './incoming.ts';

/** What a client's message is to a host (core/channel.ts). */
export function postKind({ message, digest }: Pick<Incoming, 'message' | 'digest'>): PostKind {
  const sent = digest === undefined ? {} : { digest };
  if (isRequest(message)) {
    const meta = message.params?._meta as { progressToken?: unknown } | undefined;
    const progress = meta?.progressToken;
    const { id, method } = message;
    return { type: 'request', id, method, ...(isId(progress) ? { progress } : {}), ...sent };
  }
  if (isResponse(message)) return { type: 'response', id: message.id ?? '', ...sent };
  const cancels = message.method === 'notifications/cancelled' ? message.params?.requestId : undefined;
  return { type: 'notification', method: message.method, ...(isId(cancels) ? { cancels } : {}), ...sent };
}
