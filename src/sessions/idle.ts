import { AppError } from '../core/errors.ts';
import type { ServerName } from '../core/ids.ts';
import {
  isCurrent,
  nextGeneration,
  type ServerRecord,
  type SessionRecord,
  serverOf,
  withServer,
} from '../core/session.ts';

/** A server that is started when somebody uses it. */
export const idleServer = (now: number): ServerRecord => ({
  desired: 'running',
  generation: 0,
  state: { phase: 'idle', incarnation: 0, since: now },
});

/** Nothing runs until somebody uses it, and nobody has. */
export function isIdle(record: SessionRecord, name: ServerName): boolean {
  const server = serverOf(record, name);
  return server?.desired === 'running' && server.state.phase === 'idle' && isCurrent(server);
}

/** `record`, with a wish to start this idle server. */
export function woken(record: SessionRecord, name: ServerName): SessionRecord {
  const server = serverOf(record, name);
  return server ? withServer(record, name, { generation: nextGeneration(server) }) : record;
}

/** Throws `session.quota` if this idle server was turned away a moment ago, because too many waited for a place. */
export function checkPlace(record: SessionRecord, name: ServerName, now: number): void {
  const state = serverOf(record, name)?.state;
  if (state?.phase !== 'idle' || state.retryAt === undefined || now >= state.retryAt) return;
  throw new AppError('session.quota', `Server "${name}" cannot be started now: ${state.reason}. Try again later`, {
    retryAfter: Math.max(1, Math.ceil((state.retryAt - now) / 1000)),
    data: { server: name },
  });
}
