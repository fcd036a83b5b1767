import type { ConnectionRecord } from '../../src/core/connection.ts';
import { newConnectionId, newNonce, type SessionId, sessionIdOf } from '../../src/core/ids.ts';
import type { SessionRecord } from '../../src/core/session.ts';
import type { SessionStore } from '../../src/core/store.ts';

/** The idle TTL of the sessions made here, milliseconds. */
export const IDLE = 60_000;
let serial = 0;

/** A valid record with an id that no other test uses. */
export function sessionRecord(now: number, change: Partial<SessionRecord> = {}): SessionRecord {
  return {
    id: sessionIdOf(Buffer.alloc(32), 'owner', 'pts_3', `${process.pid}/${++serial}`),
    version: 1,
    nonce: newNonce(),
    owner: 'owner',
    terminal: { name: 'pts_3', host: 'laptop' },
    workspace: '/home/somebody/Projekte/Bücher 📚',
    keep: false,
    servers: { filesystem: { desired: 'running', generation: 0, state: { phase: 'pending' } } },
    createdAt: now,
    idleTtlMs: IDLE,
    maxAt: now + 10 * IDLE,
    ...change,
  };
}

export function connectionRecord(session: SessionId): ConnectionRecord {
  const initialize = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'c', version: '1' } };
  return { id: newConnectionId(), session, protocolVersion: '2025-06-18', initialize, createdAt: 1 };
}

export async function collect(store: SessionStore): Promise<SessionRecord[]> {
  const records: SessionRecord[] = [];
  for await (const record of store.list()) records.push(record);
  return records;
}
