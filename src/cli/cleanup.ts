import type { CleanupResult, SessionList, SessionView } from '../core/api.ts';
import { callApi } from './api-client.ts';
import type { CliIo } from './io.ts';
import { jsonOutput } from './json-output.ts';
import { adminBearer } from './login/bearer.ts';
import { managerUrl } from './manager-address.ts';
import { ownCredential } from './own-credential.ts';
import { ASKING, withProgress } from './progress.ts';
import { listSessions } from './session-list.ts';
import { oneLine } from './text.ts';

/** Stopping servers may take their grace period. */
const TIMEOUT_MS = 30_000;

export interface CleanupOptions {
  /** Everybody's, by the account that is logged in. */
  readonly all?: boolean;
  /** Say what would be ended. */
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

/** Ends sessions whose terminals are gone, and instances without a session; says which. */
export async function cleanup(io: CliIo, options: CleanupOptions): Promise<number> {
  const url = managerUrl(io.env);
  const bearer = options.all ? await adminBearer(io) : await ownCredential(io);
  const listing = options.all ? listSessions(io) : ownSessions(url, bearer);
  const sessions = await withProgress(io, ASKING, listing);
  if (options.dryRun) return foresee(io, sessions, options);
  const path = options.all ? '/admin/api/sessions/cleanup' : '/api/cleanup';
  const call = { method: 'POST', path, bearer, timeoutMs: TIMEOUT_MS } as const;
  const done = (await withProgress(io, 'cleaning up', callApi(url, call))) as CleanupResult;
  if (options.json)
    io.stdout.write(jsonOutput('cleanup', { dryRun: false, sessions: done.sessions, orphans: done.orphans }));
  else {
    const known = new Map(sessions.map((session) => [session.id, session]));
    io.stdout.write(done.sessions.map((id) => line('ended', id, known.get(id))).join(''));
    io.stdout.write(`sessions ended: ${done.sessions.length}; servers without a session ended: ${done.orphans}\n`);
  }
  return 0;
}

async function ownSessions(url: string, bearer: string): Promise<readonly SessionView[]> {
  return ((await callApi(url, { method: 'GET', path: '/api/sessions', bearer })) as SessionList).sessions;
}

/** What can be told from here: sessions of this machine's terminals. Servers without a session only the manager can see. */
function foresee(io: CliIo, sessions: readonly SessionView[], options: CleanupOptions): number {
  const gone = sessions.filter((session) => isGone(io, session));
  if (options.json) io.stdout.write(jsonOutput('cleanup', { dryRun: true, sessions: gone.map(({ id }) => id) }));
  else {
    io.stdout.write(gone.map((session) => line('would end', session.id, session)).join(''));
    io.stdout.write(
      `sessions that would be ended: ${gone.length}; servers without a session are looked for only then\n`,
    );
  }
  return 0;
}

function isGone({ hostname, processes }: CliIo, { keep, terminal }: SessionView): boolean {
  return !keep && terminal.host === hostname && terminal.leader !== undefined && !processes.isAlive(terminal.leader);
}

function line(what: string, id: string, session: SessionView | undefined): string {
  if (!session) return `${what}: ${oneLine(id)}\n`;
  const servers = session.servers.map(({ name }) => oneLine(name)).join(', ');
  return `${what}: ${id}, terminal ${oneLine(session.terminal.name)}, workspace ${oneLine(session.workspace)}, servers ${servers || 'none'}\n`;
}
