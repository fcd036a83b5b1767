import type { SessionId } from '../core/ids.ts';
import { checkedSession } from './checked-name.ts';
import type { CliIo } from './io.ts';
import { bearer } from './login/bearer.ts';
import { requireSession } from './session-access.ts';

/** Which session a command is about, and what opens it. */
export interface ChosenSession {
  readonly id: SessionId;
  readonly bearer: string;
}

/** The session with this id, by whoever is logged in or the owner's credential; without one, this terminal's. */
export async function chosenSession(io: CliIo, id: string | undefined): Promise<ChosenSession> {
  if (id !== undefined) return { id: checkedSession(id), bearer: await bearer(io) };
  const access = await requireSession(io);
  return { id: access.session.id, bearer: access.bearer };
}
