import type { ServerView, SessionView } from '../core/api.ts';
import type { CliIo } from './io.ts';
import { requireSession } from './session-access.ts';
import { duration, mebibytes, oneLine, printable, printableJson, table } from './text.ts';

const HEAD = ['SERVER', 'STATE', 'INSTANCE', 'UPTIME', 'MEMORY', 'CPU', 'LAST ACTIVITY'];

/** Shows this terminal's session and its servers; exit code 1 if it has none. */
export async function status(io: CliIo, options: { readonly json?: boolean }): Promise<number> {
  const { session } = await requireSession(io);
  io.stdout.write(options.json ? `${printableJson(session)}\n` : describe(session, io.clock.now()));
  return 0;
}

function describe(session: SessionView, now: number): string {
  const connections = `${session.connections} connection${session.connections === 1 ? '' : 's'}`;
  const workspace = oneLine(session.workspace);
  return [
    table([HEAD, ...session.servers.map((server) => row(server, now))]),
    `\nsession ${session.id}, workspace ${workspace}, ${connections}, `,
    `ends in ${duration(session.deadline - now)} without activity, in ${duration(session.maxAt - now)} at the latest\n`,
    ...session.servers.map(trouble),
  ].join('');
}

function row(server: ServerView, now: number): string[] {
  const since = (time: number | undefined) => (time === undefined ? undefined : duration(now - time));
  const last = since(server.lastActivityAt);
  const cells = [
    server.name,
    server.state,
    server.instance,
    since(server.startedAt),
    server.memoryBytes === undefined ? undefined : mebibytes(server.memoryBytes),
    server.cpuSeconds === undefined ? undefined : `${server.cpuSeconds.toFixed(2)}s`,
    last && `${last} ago`,
  ];
  return cells.map((cell) => oneLine(cell ?? '-'));
}

/** Why a server does not run, and the end of what it wrote to stderr. */
function trouble({ name, reason, stderr }: ServerView): string {
  if (!reason && !stderr) return '';
  const tail = stderr ? printable(stderr).trimEnd().replace(/^/gm, '  | ') : '';
  return `\n${oneLine(name)}: ${oneLine(reason ?? 'it wrote to stderr')}\n${tail && `${tail}\n`}`;
}
