import type { ServerView, SessionView } from '../core/api.ts';
import type { Paint } from './screen.ts';
import { duration, oneLine, table } from './text.ts';

const HEAD = ['SESSION', 'OWNER', 'TERMINAL', 'AGE', 'ENDS IN', 'CONNECTIONS', 'SERVERS', 'WORKSPACE'];

/** Characters of a reason: `sessions show` has all of it. */
const REASON = 160;

/** For people: one line for each session, then one for each server that does not run and should. */
export function sessionTable(sessions: readonly SessionView[], now: number, paint: Paint): string {
  if (sessions.length === 0) return 'no sessions\n';
  const rows = [HEAD.map((cell) => paint('bold', cell)), ...sessions.map((session) => row(session, now, paint))];
  const troubles = sessions.flatMap((session) => session.servers.flatMap((server) => trouble(session, server, paint)));
  return [table(rows), ...(troubles.length > 0 ? ['\n'] : []), ...troubles].join('');
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
    servers.map((server) => `${oneLine(server.name)}:${paintState(server, paint)}`).join(' ') || '-',
    oneLine(workspace),
  ];
}

function trouble({ id }: SessionView, server: ServerView, paint: Paint): string[] {
  const { name, reason, unconfigured } = server;
  if (reason === undefined || unconfigured) return [];
  const short = oneLine(reason);
  const why = short.length > REASON ? `${short.slice(0, REASON)}...` : short;
  return [`${id} ${oneLine(name)} ${paintState(server, paint)}: ${why}\n`];
}

/** How people read it: nothing has failed where the terminal has set nothing for a server. */
export const wordOf = ({ state, unconfigured }: Pick<ServerView, 'state' | 'unconfigured'>): string =>
  unconfigured ? 'unconfigured' : oneLine(state);

/** Green runs, red needs somebody, yellow needs time. */
export function paintState(server: Parameters<typeof wordOf>[0], paint: Paint): string {
  const state = wordOf(server);
  if (state === 'ready') return paint('green', state);
  if (state === 'failed' || state === 'failing') return paint('red', state);
  return state === 'starting' || state === 'pending' ? paint('yellow', state) : state;
}
