import type { Clock } from '../core/clock.ts';
import { AppError } from '../core/errors.ts';
import type { ServerName, SessionId } from '../core/ids.ts';
import { isCurrent, type ServerState, type SessionRecord, serverOf } from '../core/session.ts';
import type { Signals } from '../core/signals.ts';
import type { SessionStore } from '../core/store.ts';
import { Wakeups } from './wakeups.ts';

/** Signals can be lost: how often a waiter looks without one, milliseconds. */
const POLL_MS = 1000;

export type ReadyState = Extract<ServerState, { phase: 'ready' }>;

/** What is needed to wait for a change of a record. */
export interface AwaitContext {
  readonly store: Pick<SessionStore, 'peek'>;
  readonly signals: Signals;
  readonly clock: Clock;
}

export const sessionOver = () =>
  new AppError(
    'session.over',
    'This session is over: it was ended, or was not used for too long. Run `mcp-session-manager init` in its terminal again',
  );

/**
 * Looks at a session's record now and whenever it changes, until `look` returns something or throws.
 * Returns undefined when `deadline` (milliseconds since the epoch) has passed first. Throws `session.over` when the session
 * is not there, the reason of `signal` when it aborts, and `StoreUnavailable`.
 */
export async function awaitRecord<T extends object | string>(
  context: AwaitContext,
  id: SessionId,
  deadline: number,
  look: (record: SessionRecord) => T | undefined,
  signal: AbortSignal,
): Promise<T | undefined> {
  // Subscribed before the first look: a change between the two is not missed.
  using wakeups = new Wakeups(context.signals, context.clock, id);
  for (;;) {
    signal.throwIfAborted();
    const record = await context.store.peek(id);
    if (!record) throw sessionOver();
    const found = look(record);
    if (found !== undefined) return found;
    const left = deadline - context.clock.now();
    if (left <= 0) return undefined;
    await wakeups.next(Math.min(POLL_MS, left), signal);
  }
}

/**
 * The server's state if it is ready; undefined if it is worth waiting for until `deadline`.
 * Throws `server.unknown`, `server.stopped`, or `server.failed` if it is not tried again before then.
 */
export function readyState(
  record: SessionRecord,
  name: ServerName,
  now: number,
  deadline: number,
): ReadyState | undefined {
  const server = serverOf(record, name);
  if (!server) throw notInSession(record, name);
  if (server.desired === 'stopped') {
    throw new AppError(
      'server.stopped',
      `Server "${name}" of this session is stopped: run \`mcp-session-manager start ${name}\``,
    );
  }
  const { state } = server;
  if (!isCurrent(server)) return undefined;
  if (state.phase === 'ready') return state;
  if (state.phase !== 'failed' || (state.retryAt !== undefined && state.retryAt <= deadline)) return undefined;
  const { retryAt } = state;
  throw new AppError('server.failed', `Server "${name}" cannot be started: ${state.reason}`, {
    ...(retryAt === undefined ? {} : { retryAfter: Math.max(1, Math.ceil((retryAt - now) / 1000)) }),
    data: { server: name, reason: state.reason, ...(state.stderr === undefined ? {} : { stderr: state.stderr }) },
  });
}

export function notInSession(record: SessionRecord, name: ServerName): AppError {
  const names = Object.keys(record.servers).join(', ');
  return new AppError('server.unknown', `This session has no server "${name.slice(0, 64)}"; it has: ${names}`);
}
