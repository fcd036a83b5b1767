import { AppError } from '../../../core/errors.ts';
import type { RpcMessage } from '../../../core/json-rpc.ts';
import type { IncomingRequest } from '../incoming.ts';
import { postCancellation } from '../notice.ts';
import { postKind } from '../post-kind.ts';
import { Pursuit } from '../pursuit.ts';
import type { Reach } from '../reach.ts';
import type { Target } from '../target.ts';

/** A request as this server is to get it: its message alone. */
export type Question = Omit<IncomingRequest, 'payload'>;

/**
 * One server's result. What else it says on the request's stream is of no use to a list, and is dropped. When `signal` aborts,
 * the server is told that nobody waits.
 * @throws AppError also for a JSON-RPC error of the server; the reason of `signal`
 */
export function ask(
  reach: Reach,
  target: Target,
  question: Question,
  signal: AbortSignal,
): Promise<Record<string, unknown>> {
  const { message, key } = question;
  const post = { key, kind: postKind(question), payload: JSON.stringify(message) };
  return new Promise((resolve, reject) => {
    let isPosted = false;
    const pursuit = new Pursuit(
      reach,
      target,
      (link, subscriber) => {
        isPosted = true;
        return link.post(target.connection, post, subscriber);
      },
      {
        entry: (_offset, answer, last) => {
          if (!last) return;
          try {
            resolve(resultOf(answer));
          } catch (error) {
            reject(error);
          }
        },
        end: () => reject(new AppError('upstream.failed', 'the server did not answer')),
        failed: reject,
      },
    ).start();
    const giveUp = () => {
      pursuit.leave();
      reject(signal.reason);
      // The same request may have come to another gateway, which goes on waiting.
      if (isPosted) postCancellation(reach, target, message.id, 'It took too long', true).catch(() => {});
    };
    signal.addEventListener('abort', giveUp, { once: true });
  });
}

/** @throws AppError `upstream.failed` for an error, and for a result that would spoil the list of all servers */
function resultOf(answer: Buffer): Record<string, unknown> {
  const message = JSON.parse(answer.toString()) as RpcMessage;
  if (!('result' in message))
    throw new AppError('upstream.failed', 'error' in message ? message.error.message : 'no answer');
  try {
    JSON.stringify(message.result); // what is nested too deeply can be read, but not written
  } catch {
    throw new AppError('upstream.failed', 'its answer is nested too deeply');
  }
  return message.result;
}
