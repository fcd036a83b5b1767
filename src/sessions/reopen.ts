import type { Catalogue } from '../core/catalogue.ts';
import type { ServerName } from '../core/ids.ts';
import {
  changed,
  isCurrent,
  nextGeneration,
  type ServerRecord,
  type SessionRecord,
  serverOf,
} from '../core/session.ts';
import type { Variables } from './sealer.ts';

/** What a terminal that has a session already asks for now. */
export interface Wish {
  readonly workspace: string;
  /** Absent: as it was. */
  readonly keep: boolean | undefined;
  /** Exactly these are to run; absent: those that run now, and those that the catalogue got meanwhile. */
  readonly servers: readonly ServerName[] | undefined;
  /** Undefined: they cannot be read. */
  readonly before: Variables | undefined;
  readonly after: Variables;
  /** `after`, sealed. */
  readonly seal: () => string;
}

/** A server that nobody has started yet. */
export const NEW_SERVER: ServerRecord = { desired: 'running', generation: 0, state: { phase: 'pending' } };

/**
 * The record after a second `init` in the same terminal: the workspace and the variables are the new ones, and servers whose
 * instance depends on what changed are restarted, as are those that have failed. The same object if nothing changes.
 */
export function reopened(record: SessionRecord, wish: Wish, catalogue: Catalogue): SessionRecord {
  const moved = record.workspace !== wish.workspace;
  const before = wish.before ?? {};
  const names = new Set([...Object.keys(before), ...Object.keys(wish.after)]);
  const touched = new Set([...names].filter((name) => before[name] !== wish.after[name]));
  const resealed = touched.size > 0 || wish.before === undefined;
  const servers: Record<ServerName, ServerRecord> = {};
  let same = !moved && !resealed && (wish.keep ?? record.keep) === record.keep;
  for (const name of new Set([...Object.keys(record.servers), ...(wish.servers ?? catalogue.keys())])) {
    const server = serverOf(record, name);
    const affected = moved || (catalogue.get(name)?.variables ?? []).some((variable) => touched.has(variable));
    const listed = wish.servers?.includes(name);
    const next = server ? restarted(server, listed, affected) : NEW_SERVER;
    servers[name] = next;
    same &&= next === server;
  }
  if (same) return record;
  const sealed = resealed ? { sealed: wish.seal() } : {};
  return changed(record, { workspace: wish.workspace, keep: wish.keep ?? record.keep, servers, ...sealed });
}

function restarted(server: ServerRecord, listed: boolean | undefined, affected: boolean): ServerRecord {
  const desired = listed === undefined ? server.desired : listed ? 'running' : 'stopped';
  if (desired === 'stopped') return server.desired === 'stopped' ? server : { ...server, desired };
  // One that is idle is started with what is right then.
  const idle = server.state.phase === 'idle' && isCurrent(server);
  const again = server.desired === 'stopped' || server.state.phase === 'failed' || (affected && !idle);
  return again ? { ...server, desired, generation: nextGeneration(server) } : server;
}
