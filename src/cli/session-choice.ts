import { AppError } from '../core/errors.ts';
import { isServerName, isSessionId, type ServerName, type SessionId } from '../core/ids.ts';
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

/** Throws `request.invalid`. */
export function checkedSession(id: string): SessionId {
  if (isSessionId(id)) return id;
  throw new AppError('request.invalid', `"${id}" is not the id of a session: 'sessions' lists them`);
}

/** Throws `request.invalid`. */
export function checkedServer(name: string): ServerName {
  if (isServerName(name)) return name;
  throw new AppError('request.invalid', `"${name}" is not the name of a server: 'status' lists them`);
}
