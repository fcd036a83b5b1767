import type { ServerName } from '../core/ids.ts';
import { isCurrent, type ServerRecord, type SessionRecord, serverOf } from '../core/session.ts';

/** Why an instance that ran is stopped, for people; undefined: it has failed, which was said already. */
export function whyStopped(record: SessionRecord | undefined, name: ServerName): string | undefined {
  const server = record && serverOf(record, name);
  if (!server) return 'its session is over';
  if (server.desired === 'stopped') return 'it was asked to';
  if (!isCurrent(server)) return 'it is to be started again';
  if (server.state.phase === 'failed') return undefined;
  return server.state.phase === 'idle' ? 'nobody uses it' : 'another takes its place';
}

/** Why a server is started again, for people; undefined: it is started for the first time, or after a rest. */
export function whyRestarted(before: ServerRecord): string | undefined {
  const { phase } = before.state;
  if (phase === 'failed' && isCurrent(before)) return before.state.reason;
  const ran = phase === 'ready' || phase === 'starting' || phase === 'failed';
  return ran && !isCurrent(before) ? 'it was asked for' : undefined;
}
