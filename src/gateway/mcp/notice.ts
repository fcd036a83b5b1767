import { randomUUID } from 'node:crypto';
import type { RequestCursor } from './event-id.ts';
import type { IncomingNotice } from './incoming.ts';
import { postKind } from './post-kind.ts';
import { Pursuit } from './pursuit.ts';
import type { Reach } from './reach.ts';
import type { Target } from './target.ts';

/**
 * Posts a notification or a response; resolves when the host has it.
 * @throws AppError if the host cannot be reached
 */
export function postNotice(reach: Reach, target: Target, { message, key, payload }: IncomingNotice): Promise<void> {
  const kind = postKind(message);
  return new Promise((resolve, reject) => {
    new Pursuit(reach, target, (link, subscriber) => link.post(target.connection, { key, kind, payload }, subscriber), {
      entry: () => {},
      end: () => resolve(),
      failed: reject,
      // It was posted to an instance that has ended, and with it whatever it was about.
      moved: () => resolve(),
    }).start();
  });
}

/** What tells a server that nobody waits for a request any more (2025-11-25, basic/utilities/cancellation). */
export function cancellation({ request }: RequestCursor, reason: string): IncomingNotice {
  const params = { requestId: request, reason };
  const message = { jsonrpc: '2.0', method: 'notifications/cancelled', params } as const;
  return { message, payload: JSON.stringify(message), key: randomUUID() };
}
