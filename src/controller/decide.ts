import type { ServerName } from '../core/ids.ts';
import type { Instance, InstanceStatus } from '../core/runtime.ts';
import { isCurrent, nextIncarnation, type ServerRecord, type SessionRecord, serverOf } from '../core/session.ts';

/** The next thing to do for one server of one session. */
export type Action =
  /** `until`: there is something to do then, milliseconds since the epoch. */
  | { readonly do: 'nothing'; readonly until?: number }
  /** The instance is not wanted. */
  | { readonly do: 'stop'; readonly instance: Instance }
  /** Nothing runs, as desired: the record should say so. */
  | { readonly do: 'settle'; readonly record: SessionRecord }
  /** Start it, or go on with a start that was interrupted. */
  | {
      readonly do: 'start';
      readonly server: ServerRecord;
      readonly record: SessionRecord;
      readonly incarnation: number;
    }
  /** It ended by itself. */
  | {
      readonly do: 'fail';
      readonly server: ServerRecord;
      readonly record: SessionRecord;
      readonly incarnation: number;
      readonly reason: string;
      readonly instance: Instance | undefined;
    };

const NOTHING: Action = { do: 'nothing' };

/**
 * Compares what should be with what is. Pure, and level-triggered: it does not matter how this came about, so it is the same
 * after a lost signal, a restart of the manager, or two changes at once.
 * @param record undefined: the session is over. Never call it when the store could not be asked.
 */
export function decide(
  record: SessionRecord | undefined,
  name: ServerName,
  actual: InstanceStatus,
  now: number,
): Action {
  const server = record && serverOf(record, name);
  const instance = actual.phase === 'absent' ? undefined : actual.instance;
  if (!record || !server) return instance ? { do: 'stop', instance } : NOTHING;
  // An instance of an earlier session with the same id.
  if (instance && instance.labels.nonce !== record.nonce) return { do: 'stop', instance };
  if (server.desired === 'stopped') {
    if (instance) return { do: 'stop', instance };
    return server.state.phase === 'stopped' ? NOTHING : { do: 'settle', record };
  }
  return decideWanted(record, server, actual, now);
}

function decideWanted(record: SessionRecord, server: ServerRecord, actual: InstanceStatus, now: number): Action {
  const { state } = server;
  const instance = actual.phase === 'absent' ? undefined : actual.instance;
  const next: Action = { do: 'start', server, record, incarnation: nextIncarnation(server) };
  if (state.phase === 'stopped' || state.phase === 'pending' || !isCurrent(server)) {
    // One that is older than the start to come is ended first; the very one was started by a manager that died since.
    return instance && instance.labels.incarnation !== next.incarnation ? { do: 'stop', instance } : next;
  }
  if (state.phase === 'idle') return instance ? { do: 'stop', instance } : NOTHING;
  if (state.phase === 'failed') {
    if (instance) return { do: 'stop', instance };
    if (state.retryAt === undefined) return NOTHING;
    return now >= state.retryAt ? next : { do: 'nothing', until: state.retryAt };
  }
  if (instance && instance.labels.incarnation !== state.incarnation) return { do: 'stop', instance };
  const { incarnation } = state;
  // Its controller was replaced meanwhile, which is no failure of the server.
  const again = state.phase === 'starting' && actual.phase === 'dead' && actual.unbegun;
  if (actual.phase === 'dead' && !again)
    return { do: 'fail', server, record, incarnation, reason: actual.reason, instance };
  if (state.phase === 'starting') return { do: 'start', server, record, incarnation };
  if (instance) return NOTHING;
  return { do: 'fail', server, record, incarnation, reason: 'its instance is gone', instance };
}
