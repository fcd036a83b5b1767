import type { CatalogueView, SessionView } from '../core/api.ts';
import { AppError } from '../core/errors.ts';
import type { ServerName } from '../core/ids.ts';
import { callApi } from './api-client.ts';
import { checkedServer } from './checked-name.ts';
import type { CliIo } from './io.ts';
import { type Launch, runsTheSame } from './launch-command.ts';
import { managerUrl } from './manager-address.ts';
import { ownCredential } from './own-credential.ts';
import { withProgress } from './progress.ts';
import { type Paint, paintFor } from './screen.ts';
import type { SessionAccess } from './session-access.ts';
import { requireSession } from './session-access.ts';
import { paintState, wordOf } from './session-table.ts';
import { oneLine } from './text.ts';

/** A server may take its time to start or to stop. */
const TIMEOUT_MS = 60_000;
const DOING = { start: 'starting', stop: 'stopping', restart: 'restarting' } as const;

export interface AllServers {
  readonly all?: boolean;
}

/** Starts or restarts one server of this terminal's session, or all; exit code 1 if one is not well afterwards. */
export async function changeServers(
  io: CliIo,
  action: 'start' | 'restart',
  server: string | undefined,
  options: AllServers,
): Promise<number> {
  checkChoice(action, server, options);
  const access = await requireSession(io);
  const names = server === undefined ? access.session.servers.map(({ name }) => name) : [checkedServer(server)];
  const changes = Promise.all(names.map((name) => change(io, access, action, name)));
  return tell(io, await withProgress(io, `${DOING[action]} ${names.join(', ')}`, changes));
}

/**
 * Starts a server. What it runs says the catalogue, so that nobody who gets hold of a session can run anything else: another
 * command is refused with `config.invalid`, which says how to add it there.
 */
export async function start(
  io: CliIo,
  server: string | undefined,
  command: string | undefined,
  options: AllServers,
): Promise<number> {
  checkChoice('start', server, options);
  if (server !== undefined && command !== undefined) {
    const { session } = await requireSession(io);
    await checkCommand(io, checkedServer(server), command, session);
  }
  return changeServers(io, 'start', server, options);
}

/** Stops one server, or all of them. */
export async function stop(io: CliIo, server: string | undefined, options: AllServers): Promise<number> {
  checkChoice('stop', server, options);
  const access = await requireSession(io);
  if (server !== undefined) {
    const stopping = change(io, access, 'stop', checkedServer(server));
    return tell(io, [await withProgress(io, `stopping ${server}`, stopping)]);
  }
  const { servers } = await withProgress(io, 'stopping all servers', post(io, access, '/stop'));
  io.stdout.write(`${servers.map((server) => `${oneLine(server.name)}: ${wordOf(server)}`).join(', ')}\n`);
  return 0;
}

function checkChoice(action: keyof typeof DOING, server: string | undefined, { all }: AllServers): void {
  if ((server === undefined) === (all === true)) return;
  const message = `say which server to ${action}, or '${action} --all' ('status' lists them)`;
  throw new AppError('request.invalid', message);
}

/** How a server is after a change. */
interface Changed {
  readonly line: string;
  readonly well: boolean;
}

async function change(
  io: CliIo,
  access: SessionAccess,
  action: keyof typeof DOING,
  server: ServerName,
): Promise<Changed> {
  const view = await post(io, access, `/servers/${server}/${action}`);
  return changed(view, server, paintFor(io.stdout, io.env));
}

/** Reads how `server` is from what the manager answered. */
export function changed({ servers }: SessionView, server: ServerName, paint: Paint): Changed {
  const found = servers.find(({ name }) => name === server) ?? { state: 'stopped', reason: undefined };
  const detail = found.reason ? `: ${oneLine(found.reason)}` : '';
  const well = found.state !== 'failed' && found.state !== 'failing';
  return { line: `${oneLine(server)}: ${paintState(found, paint)}${detail}\n`, well };
}

/** Writes how they are, when nothing else is on the screen; exit code 1 if one is not well. */
export function tell(io: CliIo, servers: readonly Changed[]): number {
  io.stdout.write(servers.map(({ line }) => line).join(''));
  return servers.every(({ well }) => well) ? 0 : 1;
}

async function post(io: CliIo, { session, bearer }: SessionAccess, path: string): Promise<SessionView> {
  const call = { method: 'POST', path: `/api/sessions/${session.id}${path}`, bearer, timeoutMs: TIMEOUT_MS } as const;
  return (await callApi(managerUrl(io.env), call)) as SessionView;
}

async function checkCommand(io: CliIo, server: string, command: string, session: SessionView): Promise<void> {
  const call = { method: 'GET', path: '/api/catalogue', bearer: await ownCredential(io) } as const;
  const { servers } = (await callApi(managerUrl(io.env), call)) as CatalogueView;
  const entry = servers.find(({ name }) => name === server) as Launch | undefined;
  if (entry && runsTheSame(entry, command, session.workspace)) return;
  const name = entry ? `another name than "${server}", which runs something else` : `the name "${server}"`;
  throw new AppError(
    'config.invalid',
    `servers are started from the catalogue only: add  ${JSON.stringify(command)}  to catalogue.json of the manager's state directory ` +
      `under ${name} (docs/configuration.md, "Servers"), start the manager again, then run  start ${entry ? 'NAME' : server}`,
  );
}
