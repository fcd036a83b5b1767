import { type ConnectionId, isConnectionId, isServerName, type ServerName } from '../../../core/ids.ts';
import { parseEventId, type StandaloneCursor } from '../event-id.ts';

/** Which connection a message is for, and which server, before there is a record of either. */
export interface Address {
  readonly id: ConnectionId;
  /** The one server of `/sse/{server}`; absent for `/sse`. */
  readonly server?: ServerName;
}

/** Where the client of a connection posts its messages: a path, as the `endpoint` event says it. */
export function endpointOf({ id, server }: Address, pathToken: string | undefined): string {
  const prefix = pathToken === undefined ? '' : `/t/${pathToken}`;
  return `${prefix}/messages/?session_id=${id}${server === undefined ? '' : `.${server}`}`;
}

/**
 * The connection that a POST is for: `session_id`, or `sessionId`, which is `{connection}` or `{connection}.{server}`.
 * @param url of the request
 * @returns 'absent' or 'malformed' where it says none
 */
export function addressOf(url: string): Address | 'absent' | 'malformed' {
  const query = new URLSearchParams(url.slice(url.indexOf('?') + 1));
  const text = query.get('session_id') ?? query.get('sessionId');
  if (text === null) return 'absent';
  const [id = '', server, ...more] = text.split('.');
  if (more.length > 0 || !isConnectionId(id)) return 'malformed';
  if (server === undefined) return { id };
  return isServerName(server) ? { id, server } : 'malformed';
}

/** Where a client is: in which connection, and where in what its servers say. */
export interface Place {
  readonly id: ConnectionId;
  readonly cursor: StandaloneCursor;
}

/** Undefined: this `Last-Event-ID`, `{connection}*{server}:{offset},...`, is none that was given here. */
export function placeOf(lastEventId: string): Place | undefined {
  const at = Math.max(lastEventId.indexOf('*'), 0);
  const id = lastEventId.slice(0, at);
  const cursor = parseEventId(lastEventId.slice(at));
  return isConnectionId(id) && cursor?.kind === 'standalone' ? { id, cursor } : undefined;
}
