import type { SessionView } from '../core/api.ts';
import { AppError } from '../core/errors.ts';
import { callApi } from './api-client.ts';
import type { CliIo } from './io.ts';
import { managerUrl } from './manager-address.ts';
import type { SessionAccess } from './session-access.ts';
import { requireSession } from './session-access.ts';
import { oneLine } from './text.ts';

/** A server may take its time to start or to stop. */
const TIMEOUT_MS = 60_000;

/** Starts, stops or restarts one server of this terminal's session; exit code 1 if it is not well afterwards. */
export async function changeServer(io: CliIo, action: 'start' | 'stop' | 'restart', server: string): Promise<number> {
  const access = await requireSession(io);
  const view = await post(io, access, `/servers/${encodeURIComponent(server)}/${action}`);
  const after = view.servers.find(({ name }) => name === server);
  const detail = after?.reason ? `: ${oneLine(after.reason)}` : '';
  io.stdout.write(`${oneLine(server)}: ${after?.state ?? 'stopped'}${detail}\n`);
  return after?.state === 'failed' || after?.state === 'failing' ? 1 : 0;
}

/** Stops one server, or all of them. */
export async function stop(
  io: CliIo,
  server: string | undefined,
  options: { readonly all?: boolean },
): Promise<number> {
  if ((server === undefined) === !options.all) {
    throw new AppError('request.invalid', "say which server to stop, or 'stop --all' ('status' lists them)");
  }
  if (server !== undefined) return changeServer(io, 'stop', server);
  const { servers } = await post(io, await requireSession(io), '/stop');
  io.stdout.write(`${servers.map(({ name, state }) => `${oneLine(name)}: ${state}`).join(', ')}\n`);
  return 0;
}

async function post(io: CliIo, { session, bearer }: SessionAccess, path: string): Promise<SessionView> {
  const call = { method: 'POST', path: `/api/sessions/${session.id}${path}`, bearer, timeoutMs: TIMEOUT_MS } as const;
  return (await callApi(managerUrl(io.env), call)) as SessionView;
}
