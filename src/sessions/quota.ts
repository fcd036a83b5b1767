import { AppError } from '../core/errors.ts';
import type { SessionMeter } from '../core/meter.ts';
import type { SessionStore } from '../core/store.ts';
import { counted } from '../core/words.ts';

export interface QuotaLimits {
  /** Sessions that one owner may have at once. */
  readonly sessionsPerOwner: number;
  /** Starts that may wait for a place: while so many do, no session is made. */
  readonly startQueue: number;
}

/**
 * Throws `session.quota` if this owner may not have one more session now. A guard against a program that runs away, not an exact
 * limit: two at once may both come in as the last one.
 */
export async function checkQuota(
  store: Pick<SessionStore, 'list'>,
  { sessionsPerOwner, startQueue }: QuotaLimits,
  meter: Pick<SessionMeter, 'sessionTurnedAway'>,
  owner: string,
): Promise<void> {
  let [own, waiting] = [0, 0];
  for await (const record of store.list()) {
    if (record.owner === owner) own += 1;
    for (const { state } of Object.values(record.servers))
      if (state.phase === 'pending' && state.since !== undefined) waiting += 1;
  }
  if (waiting >= startQueue) {
    meter.sessionTurnedAway();
    throw new AppError(
      'session.quota',
      `${counted(waiting, 'server waits', 'servers wait')} for a place to run already: try again later`,
      { retryAfter: 10 },
    );
  }
  if (own < sessionsPerOwner) return;
  throw new AppError(
    'session.quota',
    `There ${sessionsPerOwner === 1 ? 'is' : 'are'} ${counted(sessionsPerOwner, 'session')} already, which is the limit: end one, or run \`mcp-session-manager cleanup\` to end those whose terminal is gone`,
    { retryAfter: 60 },
  );
}
