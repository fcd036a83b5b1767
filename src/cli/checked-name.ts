import { AppError } from '../core/errors.ts';
import { isServerName, isSessionId, type ServerName, type SessionId } from '../core/ids.ts';

/** A session's id, as somebody typed it. Throws `request.invalid` if it is none. */
export function checkedSession(id: string): SessionId {
  if (isSessionId(id)) return id;
  throw new AppError('request.invalid', `"${id}" is not the id of a session: 'sessions' lists them`);
}

/** A server's name, as somebody typed it. Throws `request.invalid` if it is none. */
export function checkedServer(name: string): ServerName {
  if (isServerName(name)) return name;
  throw new AppError('request.invalid', `"${name}" is not the name of a server: 'status' lists them`);
}
