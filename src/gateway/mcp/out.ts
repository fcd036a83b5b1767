import { randomUUID } from 'node:crypto';
import type { Clock } from '../../core/clock.ts';
import { errorTypeOf } from '../../core/error-type.ts';
import { type AppError, asAppError, type ErrorCode } from '../../core/errors.ts';
import type { RpcMessage } from '../../core/json-rpc.ts';
import { backoffDelay } from '../../core/retry.ts';
import type { IncomingRequest } from './incoming.ts';
import { postKind } from './post-kind.ts';
import { Pursuit } from './pursuit.ts';
import type { Reach } from './reach.ts';
import type { Target } from './target.ts';
import { ServerSpan } from './traced.ts';

const BACKOFF = { baseMs: 1000, maxMs: 30_000 };
/** How long the outcome of a call is kept for a server that does not come back, milliseconds. */
const OUTCOME_MS = 10 * 60_000;
/** Nobody is there any more who could be told. */
const OVER: ReadonlySet<ErrorCode> = new Set(['session.over', 'connection.over', 'server.unknown']);

/**
 * Posts a request whose answer, and what belongs to it, goes to the standalone stream. Resolves when it is on its way.
 * @param onLost what became of it is not going to be told by the server
 * @throws AppError if no host can be reached: nothing was done
 */
export function postOut(
  reach: Reach,
  target: Target,
  incoming: IncomingRequest,
  onLost: (error: AppError) => void,
): Promise<void> {
  const span = ServerSpan.begin(incoming, target.server);
  const { key, payload, operation } = span?.incoming ?? incoming;
  const kind = postKind(incoming);
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
      {
        held: true,
        entry: () => {},
        // Its answer is on the standalone stream, unless nobody is to have it there any more.
        end: (why) => {
          if (why === 'done') span?.answered(undefined, undefined);
          else span?.failed('cancelled');
          operation?.end(why === 'done' ? undefined : 'cancelled');
        },
        failed: (error) => {
          span?.failed(errorTypeOf(error.code));
          operation?.end(errorTypeOf(error.code));
          if (posted) onLost(error);
          else reject(error);
        },
      },
    ).start();
  });
}

/**
 * Puts a message of this gateway's onto the standalone stream; resolves when the host has it.
 * @param signal nobody waits for that any more: it is not tried again
 * @throws AppError if no host can be reached
 */
export function tell(reach: Reach, target: Target, message: RpcMessage, signal?: AbortSignal): Promise<void> {
  const post = { key: randomUUID(), kind: { type: 'own' }, payload: JSON.stringify(message) } as const;
  return new Promise((resolve, reject) => {
    const pursuit = new Pursuit(reach, target, (link, subscriber) => link.post(target.connection, post, subscriber), {
      entry: () => {},
      end: () => resolve(),
      failed: reject,
      // To an instance that has ended, perhaps before anybody read it: the next one knows nothing of it.
      moved: () => {},
    }).start();
    signal?.addEventListener('abort', () => pursuit.leave(), { once: true });
  });
}

/**
 * Tells what became of a request that was on its way: its client has nothing else to go by. Where no host can be reached it
 * is tried again, since the client's stream, too, goes on only when one can.
 */
export async function tellOutcome(clock: Clock, tellIt: () => Promise<void>): Promise<void> {
  const deadline = clock.now() + OUTCOME_MS;
  for (let failures = 1; ; failures++) {
    try {
      return await tellIt();
    } catch (error) {
      if (OVER.has(asAppError(error).code) || clock.now() >= deadline) return;
    }
    await clock.sleep(backoffDelay(BACKOFF, failures, Math.random()));
  }
}
