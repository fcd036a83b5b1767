import type { ServerName, SessionId } from '../core/ids.ts';
import type { Instance } from '../core/runtime.ts';
import type { ServerRecord, ServerState, SessionRecord } from '../core/session.ts';

/** Of each session the newest record: of the session that was opened last with this id, the highest version. */
export function newest(records: Iterable<SessionRecord>): Map<SessionId, SessionRecord> {
  const best = new Map<SessionId, SessionRecord>();
  for (const record of records) {
    const other = best.get(record.id);
    const newer =
      !other || (other.nonce === record.nonce ? record.version > other.version : record.createdAt > other.createdAt);
    if (newer) best.set(record.id, record);
  }
  return best;
}

/**
 * A record that was lost, as it should be now. What people asked for is as it was when the record was kept; what the servers
 * are is told by what runs.
 * @param instances those of this session that run
 * @param isReady whether the host of an instance has its assignment
 */
export function rebuilt(
  record: SessionRecord,
  instances: readonly Instance[],
  isReady: (instance: Instance) => boolean,
  now: number,
): SessionRecord {
  const servers: Record<ServerName, ServerRecord> = {};
  for (const [name, server] of Object.entries(record.servers)) {
    const instance = instances.find(({ labels }) => labels.server === name);
    const state = instance ? present(server.state, instance, isReady(instance), now) : absent(server.state, now);
    servers[name] = { ...server, state };
  }
  return { ...record, version: record.version + 1, servers };
}

/** `starting`: the start that nobody saw the end of is gone on with. */
function present(state: ServerState, { labels, ...instance }: Instance, ready: boolean, now: number): ServerState {
  const { incarnation } = labels;
  if (state.phase === 'ready' && state.incarnation === incarnation) return state;
  if (!ready) return { phase: 'starting', incarnation, since: now };
  const { name, endpoint, startedAt } = instance;
  return { phase: 'ready', incarnation, since: now, instance: { name, endpoint, startedAt } };
}

/** Nothing runs. Whether it was put to rest since, or died, the next call starts it. */
function absent(state: ServerState, now: number): ServerState {
  if (state.phase !== 'ready' && state.phase !== 'starting') return state;
  return { phase: 'idle', incarnation: state.incarnation, since: now };
}
