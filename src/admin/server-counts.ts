import type { ServerName } from '../core/ids.ts';
import { isCurrent, type ServerRecord, type SessionRecord } from '../core/session.ts';
import type { ReadyState } from '../sessions/await-record.ts';

export type Phase = 'ready' | 'starting' | 'pending' | 'idle' | 'failed' | 'unconfigured' | 'stopped';

/** Servers of all sessions by what they are now. */
export type PhaseCounts = Readonly<Record<Phase, number>> & {
  /** Of those that are pending: they wait for a place. */
  readonly waiting: number;
};

export function phaseOf(server: ServerRecord): Phase {
  if (server.desired === 'stopped') return 'stopped';
  if (!isCurrent(server) || server.state.phase === 'stopped') return 'pending';
  const { state } = server;
  return state.phase === 'failed' && state.unconfigured ? 'unconfigured' : state.phase;
}

export function countServers(sessions: readonly SessionRecord[]): PhaseCounts {
  const counts = { ready: 0, starting: 0, pending: 0, idle: 0, failed: 0, unconfigured: 0, stopped: 0, waiting: 0 };
  for (const { servers } of sessions)
    for (const server of Object.values(servers)) {
      counts[phaseOf(server)] += 1;
      if (server.desired === 'running' && server.state.phase === 'pending' && server.state.since !== undefined)
        counts.waiting += 1;
    }
  return counts;
}

/** A server that runs. */
export interface Ready {
  readonly record: SessionRecord;
  readonly name: ServerName;
  readonly state: ReadyState;
}

export function readyServers(sessions: readonly SessionRecord[]): Ready[] {
  return sessions.flatMap((record) =>
    Object.entries(record.servers).flatMap(([name, server]) =>
      phaseOf(server) === 'ready' ? [{ record, name, state: server.state as ReadyState }] : [],
    ),
  );
}
