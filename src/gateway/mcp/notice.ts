import { randomUUID } from 'node:crypto';
import type { PostKind } from '../../core/channel.ts';
import type { RequestId } from '../../core/json-rpc.ts';
import type { IncomingNotice } from './incoming.ts';
import { postKind } from './post-kind.ts';
import { Pursuit } from './pursuit.ts';
import type { Reach } from './reach.ts';
import type { Target } from './target.ts';

/**
 * Posts a notification or a response; resolves when the host has it.
 * @throws AppError if the host cannot be reached
 */
export function postNotice(
  reach: Reach,
  target: Target,
  { key, payload, ...incoming }: IncomingNotice,
  kind: PostKind = postKind(incoming),
): Promise<void> {
  return new Promise((resolve, reject) => {
    new Pursuit(reach, target, (link, subscriber) => link.post(target.connection, { key, kind, payload }, subscriber), {
      held: true,
      entry: () => {},
      end: () => resolve(),
      failed: reject,
      // It was posted to an instance that has ended, and with it whatever it was about.
      moved: () => resolve(),
    }).start();
  });
}

/**
 * Tells a server that nobody waits for a request any more (2025-11-25, basic/utilities/cancellation); resolves when the host
 * has it.
 * @param unlessFollowed somebody may wait for it after all, by way of another gateway: then it goes on
 * @throws AppError if the host cannot be reached
 */
export function postCancellation(
  reach: Reach,
  target: Target,
  request: RequestId,
  reason: string,
  unlessFollowed: boolean,
): Promise<void> {
  const method = 'notifications/cancelled';
  const message = { jsonrpc: '2.0', method, params: { requestId: request, reason } } as const;
  const incoming = { message, payload: JSON.stringify(message), key: randomUUID() };
  const kind: PostKind = { type: 'notification', method, cancels: request };
  return postNotice(reach, target, incoming, unlessFollowed ? { ...kind, unlessFollowed } : kind);
}
