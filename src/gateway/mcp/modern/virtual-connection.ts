import type { ConnectionRecord } from '../../../core/connection.ts';
import type { ConnectionId, ServerName } from '../../../core/ids.ts';
import type { SessionRecord } from '../../../core/session.ts';
import { digestOf } from '../fields.ts';
import { VERSIONS } from '../versions.ts';
import type { ModernClient } from './client-meta.ts';

/**
 * The connection that a modern client would have opened. Derived from what the client says of itself, so that every replica
 * finds the same channels, and so the same servers, for it; no store has it. Its id is none that a client could name in
 * `Mcp-Session-Id` (core/ids.ts, `isConnectionId`).
 * @param id of a connection that the client used before; absent: what follows from who it says it is
 */
export function virtualConnection(
  session: Pick<SessionRecord, 'id' | 'nonce' | 'createdAt'>,
  server: ServerName | undefined,
  { info, capabilities }: ModernClient,
  id: ConnectionId = `m-${digestOf([session.id, session.nonce, server ?? null, info, capabilities])}`,
): ConnectionRecord {
  return {
    id,
    session: session.id,
    ...(server === undefined ? {} : { server }),
    protocolVersion: VERSIONS[0],
    initialize: { protocolVersion: VERSIONS[0], capabilities, clientInfo: info },
    createdAt: session.createdAt,
  };
}
