import type { ServerView, SessionView } from '../core/api.ts';
import type { Paint } from './screen.ts';
import { duration, oneLine, table } from './text.ts';

const HEAD = ['SESSION', 'OWNER', 'TERMINAL', 'AGE', 'ENDS IN', 'CONNECTIONS', 'SERVERS', 'WORKSPACE'];

/** For people: one line for each session. */
export function sessionTable(sessions: readonly SessionView[], now: number, paint: Paint): string {
  if (sessions.length === 0) return 'no sessions\n';
  return table([HEAD.map((cell) => paint('bold', cell)), ...sessions.map((session) => row(session, now, paint))]);
}

function row(session: SessionView, now: number, paint: Paint): string[] {
  const { id, owner, terminal, createdAt, deadline, connections, servers, workspace } = session;
  return [
    id,
    oneLine(owner),
    oneLine(`${terminal.name}@${terminal.host}`),
    duration(now - createdAt),
    duration(deadline - now),
    String(connections),
    servers.map(({ name, state }) => `${oneLine(name)}:${paintState(state, paint)}`).join(' ') || '-',
    oneLine(workspace),
  ];
}

/** Green runs, red needs somebody, yellow needs time. */
export function paintState(state: ServerView['state'], paint: Paint): string {
  if (state === 'ready') return paint('green', state);
  if (state === 'failed' || state === 'failing') return paint('red', state);
  return state === 'starting' || state === 'pending' ? paint('yellow', state) : oneLine(state);
}
