import type { Catalogue } from '../core/catalogue.ts';
import { type InstanceState, OTHER_SERVER, type ServerCensus } from '../core/controller-meter.ts';
import type { ServerName } from '../core/ids.ts';
import { isCurrent, type ServerRecord, type SessionRecord } from '../core/session.ts';
import { isCircuitOpen } from './failures.ts';

/** What a server is counted as. */
export const countedAs = (catalogue: Catalogue, name: ServerName): string =>
  catalogue.has(name) ? name : OTHER_SERVER;

/** The servers of all sessions by what they are, as their records say. */
export function censusOf(records: Iterable<SessionRecord>, catalogue: Catalogue): Map<string, ServerCensus> {
  const found = new Map<string, { states: Record<InstanceState, number>; circuitsOpen: number }>();
  for (const { servers } of records)
    for (const [name, server] of Object.entries(servers)) {
      const state = stateOf(server);
      if (!state) continue;
      const key = countedAs(catalogue, name);
      const counts = found.get(key) ?? { states: noneYet(), circuitsOpen: 0 };
      counts.states[state] += 1;
      if (state === 'failed' && isCircuitOpen(server.state)) counts.circuitsOpen += 1;
      found.set(key, counts);
    }
  return found;
}

const noneYet = () => ({ pending: 0, starting: 0, ready: 0, failed: 0, unconfigured: 0, idle: 0 });

/** Undefined: it is not wanted. */
function stateOf(server: ServerRecord): InstanceState | undefined {
  const { state } = server;
  if (server.desired === 'stopped') return undefined;
  // What is said of it is from before somebody asked for a start.
  if (state.phase === 'stopped' || !isCurrent(server)) return 'pending';
  return state.phase === 'failed' && state.unconfigured ? 'unconfigured' : state.phase;
}
