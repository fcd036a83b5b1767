import type { CleanupPreview, CleanupResult, SessionList, SessionView } from '../core/api.ts';
import { counted } from '../core/words.ts';
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
  const known = new Map(sessions.map((session) => [session.id, session]));
  const path = options.all ? '/admin/api/sessions/cleanup' : '/api/cleanup';
  if (options.dryRun) {
    const call = { method: 'GET', path, bearer, timeoutMs: TIMEOUT_MS } as const;
    foresee(io, (await withProgress(io, 'looking', callApi(url, call))) as CleanupPreview, known, options);
    return 0;
  }
  const call = { method: 'POST', path, bearer, timeoutMs: TIMEOUT_MS } as const;
  const done = (await withProgress(io, 'cleaning up', callApi(url, call))) as CleanupResult;
  if (options.json)
    io.stdout.write(jsonOutput('cleanup', { dryRun: false, sessions: done.sessions, orphans: done.orphans }));
  else {
    io.stdout.write(done.sessions.map((id) => line('ended', id, known.get(id))).join(''));
    io.stdout.write(`sessions ended: ${done.sessions.length}; servers without a session ended: ${done.orphans}\n`);
  }
  return 0;
}

async function ownSessions(url: string, bearer: string): Promise<readonly SessionView[]> {
  return ((await callApi(url, { method: 'GET', path: '/api/sessions', bearer })) as SessionList).sessions;
}

function foresee(
  { stdout }: CliIo,
  { sessions, orphans }: CleanupPreview,
  known: ReadonlyMap<string, SessionView>,
  { json }: CleanupOptions,
): void {
  if (json) {
    stdout.write(jsonOutput('cleanup', { dryRun: true, sessions, orphans: orphans.length, servers: orphans }));
    return;
  }
  stdout.write(sessions.map((id) => line('would end', id, known.get(id))).join(''));
  for (const { session, server, instance } of orphans)
    stdout.write(
      `would end: ${oneLine(server)} (${oneLine(instance)}), of session ${oneLine(session)}, which is over\n`,
    );
  stdout.write(
    `that would end ${counted(sessions.length, 'session')}, and ${counted(orphans.length, 'server')} without a session\n`,
  );
}

function line(what: string, id: string, session: SessionView | undefined): string {
  if (!session) return `${what}: ${oneLine(id)}\n`;
  const servers = session.servers.map(({ name }) => oneLine(name)).join(', ');
  return `${what}: ${id}, terminal ${oneLine(session.terminal.name)}, workspace ${oneLine(session.workspace)}, servers ${servers || 'none'}\n`;
}
