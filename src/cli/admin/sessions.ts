import type { SessionView } from '../../core/api.ts';
import { messageOf } from '../../core/errors.ts';
import type { ServerName } from '../../core/ids.ts';
import { callApi } from '../api-client.ts';
import { checkedServer, checkedSession } from '../checked-name.ts';
import { remove } from '../end.ts';
import type { CliIo } from '../io.ts';
import { jsonOutput } from '../json-output.ts';
import { adminBearer, bearer } from '../login/bearer.ts';
import { managerUrl } from '../manager-address.ts';
import { ASKING, withProgress } from '../progress.ts';
import { paintFor } from '../screen.ts';
import { changed, tell } from '../servers.ts';
import { listSessions } from '../session-list.ts';
import { sessionTable } from '../session-table.ts';
import { describe } from '../status.ts';
import { oneLine } from '../text.ts';

const TIMEOUT_MS = 60_000;

interface Output {
  readonly json?: boolean;
}

export interface ListOptions extends Output {
  readonly owner?: string;
}

/** A table of the sessions that the caller may see. */
export async function showSessions(io: CliIo, { owner, json }: ListOptions): Promise<number> {
  const listing = listSessions(io, owner === undefined ? {} : { owner });
  const sessions = await withProgress(io, ASKING, listing);
  const paint = paintFor(io.stdout, io.env);
  io.stdout.write(json ? jsonOutput('sessions', { sessions }) : sessionTable(sessions, io.clock.now(), paint));
  return 0;
}

/** Shows one session as `status` does. */
export async function showSession(io: CliIo, id: string, { json }: Output): Promise<number> {
  const call = { method: 'GET', path: `/api/sessions/${checkedSession(id)}`, bearer: await bearer(io) } as const;
  const session = (await withProgress(io, ASKING, callApi(managerUrl(io.env), call))) as SessionView;
  const paint = paintFor(io.stdout, io.env);
  io.stdout.write(json ? jsonOutput('session', session) : describe(session, io.clock.now(), paint));
  return 0;
}

/** Ends sessions, whatever becomes of the others; exit code 1 if one of them could not be ended. */
export async function endSessions(io: CliIo, ids: readonly string[]): Promise<number> {
  const wanted = ids.map(checkedSession);
  const token = await bearer(io);
  const url = managerUrl(io.env);
  const ends = await withProgress(
    io,
    'ending sessions',
    Promise.allSettled(wanted.map((id) => remove(url, id, token))),
  );
  for (const [i, end] of ends.entries()) {
    if (end.status === 'fulfilled')
      io.stdout.write(`session ${wanted[i]} ${end.value ? 'ended' : 'was over already'}\n`);
    else io.stderr.write(`mcp-session-manager: session ${wanted[i]}: ${oneLine(messageOf(end.reason))}\n`);
  }
  return ends.every(({ status }) => status === 'fulfilled') ? 0 : 1;
}

/** Restarts one server of a session, or all of them; exit code 1 if one is not well afterwards. */
export async function restartInSession(io: CliIo, id: string, server: string | undefined): Promise<number> {
  const path = `/api/sessions/${checkedSession(id)}`;
  const url = managerUrl(io.env);
  const token = await bearer(io);
  const names = server
    ? [checkedServer(server)]
    : ((await callApi(url, { method: 'GET', path, bearer: token })) as SessionView).servers.map(({ name }) => name);
  const paint = paintFor(io.stdout, io.env);
  const restart = async (name: ServerName) => {
    const call = {
      method: 'POST',
      path: `${path}/servers/${name}/restart`,
      bearer: token,
      timeoutMs: TIMEOUT_MS,
    } as const;
    return changed((await callApi(url, call)) as SessionView, name, paint);
  };
  return tell(io, await withProgress(io, 'restarting', Promise.all(names.map(restart))));
}

/** Puts off the end of one session, or of all that the caller may change, as if they were used now. */
export async function refreshSessions(io: CliIo, id: string | undefined): Promise<number> {
  return care(io, 'refresh', id === undefined ? {} : { session_id: checkedSession(id) });
}

/** Gets a session back to work: puts off its end, starts servers of it that have failed, replaces those that hang. */
export async function recoverSession(io: CliIo, id: string): Promise<number> {
  return care(io, 'recover', { old_session_id: checkedSession(id) });
}

async function care(io: CliIo, action: 'refresh' | 'recover', body: object): Promise<number> {
  const call = { method: 'POST', path: `/admin/api/sessions/${action}`, bearer: await adminBearer(io), body } as const;
  const { message } = (await withProgress(
    io,
    action === 'refresh' ? 'refreshing' : 'recovering',
    callApi(managerUrl(io.env), call),
  )) as { message: string };
  io.stdout.write(`${oneLine(message)}\n`);
  return 0;
}
