import { randomUUID } from 'node:crypto';
import type { AppError } from '../../core/errors.ts';
import type { RpcMessage } from '../../core/json-rpc.ts';
import type { IncomingRequest } from './incoming.ts';
import { postKind } from './post-kind.ts';
import { Pursuit } from './pursuit.ts';
import type { Reach } from './reach.ts';
import type { Target } from './target.ts';

/**
 * Posts a request whose answer, and what belongs to it, goes to the standalone stream. Resolves when it is on its way.
 * @param onLost what became of it is not going to be told by the server
 * @throws AppError if no host can be reached: nothing was done
 */
export function postOut(
  reach: Reach,
  target: Target,
  { message, key, payload }: IncomingRequest,
  onLost: (error: AppError) => void,
): Promise<void> {
  const kind = postKind(message);
  return new Promise((resolve, reject) => {
    let posted = false;
    new Pursuit(
      reach,
      target,
      (link, subscriber) => {
        const leave = link.post(target.connection, { key, kind, payload, out: true }, subscriber);
        posted = true;
        resolve();
        return leave;
      },
      { entry: () => {}, end: () => {}, failed: (error) => (posted ? onLost(error) : reject(error)) },
    ).start();
  });
}

/**
 * Puts a message of this gateway's onto the standalone stream; resolves when the host has it.
 * @throws AppError if no host can be reached
 */
export function tell(reach: Reach, target: Target, message: RpcMessage): Promise<void> {
  const post = { key: randomUUID(), kind: { type: 'own' }, payload: JSON.stringify(message) } as const;
  return new Promise((resolve, reject) => {
    new Pursuit(reach, target, (link, subscriber) => link.post(target.connection, post, subscriber), {
      entry: () => {},
      end: () => resolve(),
      failed: reject,
      // To an instance that has ended, perhaps before anybody read it: the next one knows nothing of it.
      moved: () => {},
    }).start();
  });
}
