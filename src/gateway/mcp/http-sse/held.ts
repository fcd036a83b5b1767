import { STANDALONE } from '../../../core/channel.ts';
import type { Clock } from '../../../core/clock.ts';
import type { ConnectionRecord } from '../../../core/connection.ts';
import { AppError } from '../../../core/errors.ts';
import { type HostLink, HostRefused } from '../../../core/host-link.ts';
import type { ServerName } from '../../../core/ids.ts';
import { serverOf } from '../../../core/session.ts';
import { within } from '../../../core/within.ts';
import type { LiveSession } from '../live-session.ts';
import type { Reach } from '../reach.ts';
import { newTarget } from '../single-conversation.ts';

/** How long a host may take to say so, milliseconds. */
const ANSWER_MS = 2000;

/**
 * Whether some replica sends a client what is said in this connection. What nobody has read yet stays unread.
 * @returns undefined: no host can say so at the moment, and a client may be waiting for one to come back
 */
export async function isHeld(
  { reach, clock }: { readonly reach: Reach; readonly clock: Clock },
  live: LiveSession,
  record: ConnectionRecord,
): Promise<boolean | undefined> {
  const names = record.server === undefined ? Object.keys(live.record.servers) : [record.server];
  const late = () => new AppError('server.busy', 'The host does not answer');
  const asked = names.map((name) =>
    within(clock, ANSWER_MS, late, () => isHeldBy(reach, live, record, name)).catch(() => undefined),
  );
  const held = await Promise.all(asked);
  if (held.includes(true)) return true;
  return held.includes(false) ? false : undefined; // whoever listens listens to every server that runs
}

async function isHeldBy(
  reach: Reach,
  live: LiveSession,
  record: ConnectionRecord,
  name: ServerName,
): Promise<boolean | undefined> {
  const server = serverOf(live.record, name);
  if (server?.state.phase !== 'ready') return undefined;
  // This host alone: a channel that is not there is not opened for this.
  if (!(await reach.recall({ ...live.record, servers: { [name]: server } }, record.id))) return false;
  const { link } = await reach.to(newTarget(live.record, record, name, true));
  return isFollowed(link, record.id);
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
