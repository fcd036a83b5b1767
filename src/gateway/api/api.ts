import express, { type Express, type Response, Router } from 'express';
import type { CatalogueView, CleanupResult, OpenedSession, SessionList, SessionView } from '../../core/api.ts';
import type { Catalogue } from '../../core/catalogue.ts';
import { AppError } from '../../core/errors.ts';
import { isSessionId, type ServerName, type SessionId } from '../../core/ids.ts';
import type { Logger } from '../../core/logger.ts';
import type { ServerRecord, SessionRecord } from '../../core/session.ts';
import { sessionOver } from '../../sessions/await-record.ts';
import type { Sessions } from '../../sessions/sessions.ts';
import type { Tokens } from '../../sessions/tokens.ts';
import { checkOrigin, type GuardOptions } from '../mcp/guards.ts';
import { authenticate, type Owner, type Principal } from './auth.ts';
import { answerErrors, answerUnknown } from './edge.ts';
import { type ProbeOptions, probes } from './probes.ts';
import type { SessionViews } from './session-views.ts';

/** A request has a few paths, and the variables of one terminal. */
const BODY_LIMIT = '1mb';

export interface ApiOptions extends ProbeOptions {
  readonly sessions: Sessions;
  readonly tokens: Tokens;
  readonly views: SessionViews;
  readonly catalogue: Catalogue;
  readonly owner: Owner;
  readonly guard: GuardOptions;
  readonly cleanup: (owner: string) => Promise<CleanupResult>;
  readonly log: Logger;
}

type Action = 'start' | 'stop' | 'restart';
const isAction = (text: string): text is Action => text === 'start' || text === 'stop' || text === 'restart';

/** The session API (core/api.ts) and the probes. A request listener; what it does not know is answered with 404. */
export function createApi(options: ApiOptions): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use(probes(options));
  app.use('/api', door(options), express.json({ limit: BODY_LIMIT }), ownerRoutes(options), sessionRoutes(options));
  app.use(answerUnknown);
  app.use(answerErrors(options.log));
  return app;
}

/** Nothing behind it, not even the reading of a body, is done for a stranger, nor for a page in a browser. */
function door({ owner, tokens, guard }: ApiOptions): express.RequestHandler {
  return (request, response, next) => {
    response.set('Cache-Control', 'no-store');
    checkOrigin(request.headers, guard);
    response.locals.principal = authenticate(request.headers.authorization, owner, tokens);
    next();
  };
}

function ownerRoutes(options: ApiOptions): Router {
  const { sessions, tokens, views, catalogue, cleanup } = options;
  const router = Router();
  router.get('/catalogue', (_request, response: Response<CatalogueView>) => {
    ownerOf(response);
    const servers = [...catalogue.values()].map(({ name, variables }) => ({ name, variables }));
    response.json({ servers });
  });
  router.post('/sessions', async (request, response: Response<OpenedSession>) => {
    const owner = ownerOf(response);
    if (!request.is('json')) throw new AppError('request.media-type', 'The body must be application/json');
    const { record, created } = await sessions.open(owner, request.body);
    if (request.body.lazy !== true) await settled(sessions, record, Object.keys(record.servers), response);
    const session = await viewOf(options, record.id);
    response.status(created ? 201 : 200).json({ session, token: tokens.issue(record), created });
  });
  router.get('/sessions', async (_request, response: Response<SessionList>) => {
    const records = await sessions.list(ownerOf(response));
    const found = await Promise.all(records.map((record) => views.of(record)));
    response.json({ sessions: found.filter((view) => view !== undefined) });
  });
  router.post('/cleanup', async (_request, response: Response<CleanupResult>) => {
    response.json(await cleanup(ownerOf(response)));
  });
  return router;
}

function sessionRoutes(options: ApiOptions): Router {
  const { sessions } = options;
  const router = Router();
  router.get('/sessions/:id', async (request, response: Response<SessionView>) => {
    const { id } = await authorize(sessions, response, request.params.id);
    response.json(await viewOf(options, id));
  });
  router.delete('/sessions/:id', async (request, response) => {
    const { id } = await authorize(sessions, response, request.params.id);
    await sessions.end(id);
    response.status(204).end();
  });
  router.post('/sessions/:id/stop', async (request, response: Response<SessionView>) => {
    const { id } = await authorize(sessions, response, request.params.id);
    const record = await sessions.stopAll(id);
    await settled(sessions, record, Object.keys(record.servers), response);
    response.json(await viewOf(options, id));
  });
  router.post('/sessions/:id/servers/:name/:action', async (request, response: Response<SessionView>, next) => {
    const { id, name, action } = request.params;
    if (!isAction(action)) return next();
    const { id: session } = await authorize(sessions, response, id);
    await settled(sessions, await sessions.setServer(session, name, action), [name], response);
    response.json(await viewOf(options, session));
  });
  return router;
}

function principalOf(response: Response): Principal {
  return response.locals.principal as Principal;
}

function ownerOf(response: Response): string {
  const principal = principalOf(response);
  if (principal.kind === 'owner') return principal.owner;
  throw new AppError(
    'auth.forbidden',
    "This needs the owner's credential; a session's token is for that session alone",
  );
}

/** The session, if the caller may deal with it. About somebody else's the answer is the same whether it is there or not. */
async function authorize(sessions: Sessions, response: Response, id: SessionId): Promise<SessionRecord> {
  const principal = principalOf(response);
  if (principal.kind === 'session' && principal.claims.session !== id)
    throw new AppError('auth.forbidden', "A session's token is for that session alone: use the one of this session");
  if (!isSessionId(id)) throw sessionOver();
  const record = await sessions.get(id);
  const mine = principal.kind === 'owner' ? record.owner === principal.owner : record.nonce === principal.claims.nonce;
  if (!mine) throw sessionOver();
  return record;
}

/**
 * Waits until these servers are what they should be, so that the answer says how it went. That one cannot be started, or
 * not in time, is part of the answer and no error of the request.
 */
async function settled(
  sessions: Sessions,
  { id, servers }: SessionRecord,
  names: readonly ServerName[],
  response: Response,
): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const stopped = names.filter((name) => servers[name]?.desired === 'stopped');
  const wanted = (server: ServerRecord | undefined) => server?.desired === 'running' && server.state.phase !== 'idle';
  const running = names.filter((name) => wanted(servers[name]));
  await Promise.all([
    ...running.map((name) =>
      sessions.awaitReady(id, name, gone.signal).catch((error: unknown) => {
        if (!(error instanceof AppError)) throw error;
      }),
    ),
    sessions.awaitStopped(id, stopped, gone.signal),
  ]);
}

async function viewOf({ sessions, views }: ApiOptions, id: SessionId): Promise<SessionView> {
  const view = await views.of(await sessions.get(id));
  if (!view) throw sessionOver();
  return view;
}
