import type { CatalogueView, CreateSession, OpenedSession, SessionList, SessionView } from '../core/api.ts';
import { AppError } from '../core/errors.ts';
import type { ServerName } from '../core/ids.ts';
import { isSessionId } from '../core/ids.ts';
import { callApi } from './api-client.ts';
import type { CliIo } from './io.ts';
import { managerUrl } from './manager-address.ts';
import { ownCredential } from './own-credential.ts';
import type { FoundTerminal } from './terminal.ts';
import { findTerminal, mayUse, sameTerminal } from './terminal.ts';

/** What a command needs to reach its session. */
export type SessionSource = Pick<CliIo, 'env' | 'cwd' | 'pid' | 'hostname' | 'processes' | 'clock'>;

/** This terminal's session and what opens it: the session's token or the owner's credential. */
export interface SessionAccess {
  readonly session: SessionView;
  readonly bearer: string;
}

/** What `init` may ask for. */
export type OpenOptions = Pick<CreateSession, 'workspace' | 'servers' | 'keep' | 'lazy' | 'attach'>;

/** Servers start in parallel, but slow ones take their time. */
const OPEN_TIMEOUT_MS = 60_000;

/** The session in `$MCP_SESSION_TOKEN`, if it lives and may be used in this terminal. */
async function sessionOfToken(
  io: SessionSource,
  here: FoundTerminal,
  signal?: AbortSignal,
): Promise<SessionAccess | undefined> {
  const bearer = io.env.MCP_SESSION_TOKEN;
  const id = bearer && sessionIn(bearer);
  if (!id) return undefined;
  try {
    const call = { method: 'GET', path: `/api/sessions/${id}`, bearer, ...(signal && { signal }) } as const;
    const session = (await callApi(managerUrl(io.env), call)) as SessionView;
    return mayUse(session.terminal, here) ? { session, bearer } : undefined;
  } catch (error) {
    if (isRefusal(error)) return undefined;
    throw error;
  }
}

/** This terminal's session: the one of its token, else the one that the manager knows for the terminal. */
async function findSession(io: SessionSource): Promise<SessionAccess | undefined> {
  const here = findTerminal(io);
  const ofToken = await sessionOfToken(io, here);
  if (ofToken) return ofToken;
  const bearer = await ownCredential(io);
  const answer = await callApi(managerUrl(io.env), { method: 'GET', path: '/api/sessions', bearer });
  const session = (answer as SessionList).sessions.find(({ terminal }) => sameTerminal(terminal, here.terminal));
  return session && { session, bearer };
}

/** Like `findSession`, but rejects with `session.over` where there is none. */
export async function requireSession(io: SessionSource): Promise<SessionAccess> {
  const access = await findSession(io);
  if (access) return access;
  throw new AppError(
    'session.over',
    'no session in this terminal: run eval "$(mcp-session-manager init)" (fish: mcp-session-manager init | source)',
  );
}

/** Opens this terminal's session: a new one, or the one that it has. */
export async function openSession(
  io: SessionSource,
  options: OpenOptions,
  signal?: AbortSignal,
): Promise<OpenedSession> {
  const url = managerUrl(io.env);
  const common = { bearer: await ownCredential(io), ...(signal && { signal }) };
  const catalogue = (await callApi(url, { ...common, method: 'GET', path: '/api/catalogue' })) as CatalogueView;
  const body: CreateSession = {
    ...options,
    terminal: findTerminal(io).terminal,
    variables: variablesFor(catalogue, options.servers, io.env),
  };
  const call = { ...common, method: 'POST', path: '/api/sessions', body, timeoutMs: OPEN_TIMEOUT_MS } as const;
  return (await callApi(url, call)) as OpenedSession;
}

/**
 * A token of this terminal's session, for programs that connect: the inherited one if it is right here, else one of the
 * terminal's own session, which is made if there is none, so that `init` need not have been run. Rejects with the
 * signal's reason when it aborts.
 */
export async function tokenForTerminal(io: SessionSource, signal?: AbortSignal): Promise<string> {
  const ofToken = await sessionOfToken(io, findTerminal(io), signal);
  if (ofToken) return ofToken.bearer;
  return (await openSession(io, { workspace: io.cwd, attach: true, lazy: true }, signal)).token;
}

/** The values that this environment has for the variables of `servers` (absent: of all in the catalogue). */
function variablesFor(
  catalogue: CatalogueView,
  servers: readonly ServerName[] | undefined,
  env: NodeJS.ProcessEnv,
): Record<string, string> {
  const wanted = catalogue.servers.filter(({ name }) => servers?.includes(name) ?? true);
  const names = new Set(wanted.flatMap(({ variables }) => variables));
  return Object.fromEntries([...names].flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])));
}

/** The token's claim `sid`, not verified: it only says whom to ask. */
function sessionIn(token: string): string | undefined {
  try {
    const payload = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString();
    const { sid } = JSON.parse(payload) as { sid?: unknown };
    return typeof sid === 'string' && isSessionId(sid) ? sid : undefined;
  } catch {
    return undefined;
  }
}

/** The manager does not let this token in: the session is over, or was never one of this manager's. */
const isRefusal = (error: unknown): boolean => error instanceof AppError && [401, 403, 404].includes(error.status);
