import type { ServerView, SessionView } from '../core/api.ts';
import type { CliIo } from './io.ts';
import { jsonLine, jsonOutput } from './json-output.ts';
import { ASKING, withProgress } from './progress.ts';
import { type Paint, paintFor } from './screen.ts';
import { requireSession } from './session-access.ts';
import { listSessions } from './session-list.ts';
import { paintState, sessionTable } from './session-table.ts';
import { duration, mebibytes, oneLine, printable, table } from './text.ts';
import { watch } from './watch.ts';

const HEAD = ['SERVER', 'STATE', 'INSTANCE', 'UPTIME', 'MEMORY', 'CPU', 'LAST ACTIVITY'];

export interface StatusOptions {
  readonly json?: boolean;
  /** All sessions that the caller may see, in place of this terminal's. */
  readonly all?: boolean;
  /** Again and again, until it is interrupted or the session is over. */
  readonly watch?: boolean;
}

/** Shows this terminal's session and its servers. */
export async function status(io: CliIo, options: StatusOptions): Promise<number> {
  const paint = paintFor(io.stdout, io.env);
  const look = options.all ? () => allSessions(io, options, paint) : () => ownSession(io, options, paint);
  if (options.watch) return watch(io, look, options.json === true);
  io.stdout.write(await withProgress(io, ASKING, look()));
  return 0;
}

async function ownSession(io: CliIo, options: StatusOptions, paint: Paint): Promise<string> {
  const { session } = await requireSession(io);
  if (options.json) return inJson(options)('status', session);
  return describe(session, io.clock.now(), paint);
}

async function allSessions(io: CliIo, options: StatusOptions, paint: Paint): Promise<string> {
  const sessions = await listSessions(io);
  return options.json ? inJson(options)('sessions', { sessions }) : sessionTable(sessions, io.clock.now(), paint);
}

const inJson = ({ watch: goesOn }: StatusOptions) => (goesOn ? jsonLine : jsonOutput);

/** For people: a table of the servers, then the session, then what is wrong. */
export function describe(session: SessionView, now: number, paint: Paint): string {
  const connections = `${session.connections} connection${session.connections === 1 ? '' : 's'}`;
  const workspace = oneLine(session.workspace);
  return [
    table([HEAD.map((cell) => paint('bold', cell)), ...session.servers.map((server) => row(server, now, paint))]),
    `\nsession ${session.id}, workspace ${workspace}, ${connections}, `,
    `ends in ${duration(session.deadline - now)} without activity, in ${duration(session.maxAt - now)} at the latest\n`,
    ...session.servers.map(trouble),
  ].join('');
}

function row(server: ServerView, now: number, paint: Paint): string[] {
  const since = (time: number | undefined) => (time === undefined ? undefined : duration(now - time));
  const last = since(server.lastActivityAt);
  const cells = [
    server.instance,
    since(server.startedAt),
    server.memoryBytes === undefined ? undefined : mebibytes(server.memoryBytes),
    server.cpuSeconds === undefined ? undefined : `${server.cpuSeconds.toFixed(2)}s`,
    last && `${last} ago`,
  ];
  return [oneLine(server.name), paintState(server, paint), ...cells.map((cell) => oneLine(cell ?? '-'))];
}

/** Why a server does not run, and the end of what it wrote to stderr. */
function trouble({ name, reason, stderr }: ServerView): string {
  if (!reason && !stderr) return '';
  const tail = stderr ? printable(stderr).trimEnd().replace(/^/gm, '  | ') : '';
  return `\n${oneLine(name)}: ${oneLine(reason ?? 'it wrote to stderr')}\n${tail && `${tail}\n`}`;
}
