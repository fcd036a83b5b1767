import { STANDALONE } from '../../../core/channel.ts';
import type { Clock } from '../../../core/clock.ts';
import type { ConnectionRecord } from '../../../core/connection.ts';
import { AppError } from '../../../core/errors.ts';
import { type HostLink, HostRefused } from '../../../core/host-link.ts';
import { serverOf } from '../../../core/session.ts';
import { within } from '../../../core/within.ts';
import type { Reach } from '../reach.ts';
import type { LiveSession } from '../session-cache.ts';
import { newTarget } from '../single-conversation.ts';

/** A host that does not answer for so long holds no client's stream, milliseconds. */
const ANSWER_MS = 2000;

/** Whether some replica sends a client what is said in this connection. What nobody has read yet stays unread. */
export async function isHeld(
  options: { readonly reach: Reach; readonly clock: Clock },
  live: LiveSession,
  record: ConnectionRecord,
): Promise<boolean> {
  const names = record.server === undefined ? Object.keys(live.record.servers) : [record.server];
  const running = names.filter((name) => serverOf(live.record, name)?.state.phase === 'ready');
  const late = () => new AppError('server.busy', 'The host does not answer');
  const held = running.map((name) =>
    within(options.clock, ANSWER_MS, late, async () => {
      // A channel that is not there is not opened for this.
      if (!(await options.reach.recall(live.record, record.id))) return false;
      const { link } = await options.reach.to(newTarget(live.record, record, name, true));
      return isFollowed(link, record.id);
    }).catch(() => false),
  );
  return (await Promise.all(held)).includes(true);
}

/** @throws HostRefused | LinkLost */
function isFollowed(link: HostLink, channel: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const subscriber = {
      entry: () => {},
      end: () => resolve(true), // somebody was faster
      failed: (error: Error) =>
        error instanceof HostRefused && error.code === 'followed' ? resolve(true) : reject(error),
    };
    // Behind all that there is, so that nothing is handed over here.
    const leave = link.follow(channel, STANDALONE, Number.MAX_SAFE_INTEGER, subscriber, 'free');
    // A host answers in order: were the stream followed, that would have been said before this.
    link
      .recall(channel)
      .then(() => resolve(false), reject)
      .finally(leave);
  });
}
