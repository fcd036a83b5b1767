import express, { type Express, type Response, Router } from 'express';
import type {
  CatalogueView,
  CleanupPreview,
  CleanupResult,
  OpenedSession,
  SessionList,
  SessionView,
} from '../../core/api.ts';
import type { Catalogue } from '../../core/catalogue.ts';
import type { ControllerCalls } from '../../core/controller-calls.ts';
import { AppError } from '../../core/errors.ts';
import type { ServerName, SessionId } from '../../core/ids.ts';
import type { Logger } from '../../core/logger.ts';
import type { OperationsStore } from '../../core/operations.ts';
import type { ServerRecord, SessionRecord } from '../../core/session.ts';
import { counted } from '../../core/words.ts';
import { sessionOver } from '../../sessions/await-record.ts';
import type { Sessions } from '../../sessions/sessions.ts';
import type { Tokens } from '../../sessions/tokens.ts';
import { authorize, type DoorOptions, door, enderOf, ownerOf, threshold } from './access.ts';
import { answerErrors, answerUnknown } from './edge.ts';
import { eventRoutes } from './events.ts';
import { type LogRoutesOptions, logRoutes } from './logs.ts';
import { type ProbeOptions, probes } from './probes.ts';
import type { SessionViews } from './session-views.ts';

/** A request has a few paths, and the variables of one terminal. */
const BODY_LIMIT = '1mb';

/** How the number of new sessions of one owner is bounded: so many within this time, milliseconds. */
const CREATION_MS = 60_000;

export interface ApiOptions extends ProbeOptions, DoorOptions, LogRoutesOptions {
  readonly sessions: Sessions;
  readonly tokens: Tokens;
  readonly views: SessionViews;
  readonly catalogue: Catalogue;
  /** The admin API, which answers at /admin/api; what it does not know is asked of the session API. */
  readonly admin: Router;
  readonly operations: Pick<OperationsStore, 'hit' | 'events'>;
  /** New sessions that one owner may open within a minute. */
  readonly sessionsPerMinute: number;
  /** Balancers whose `X-Forwarded-For` is believed: addresses, networks, or names of express. */
  readonly trustedProxies: readonly string[];
  readonly controller: ControllerCalls;
  readonly log: Logger;
}

type Action = 'start' | 'stop' | 'restart';
const isAction = (text: string): text is Action => text === 'start' || text === 'stop' || text === 'restart';

/** The session API (core/api.ts), the admin API and the probes. A request listener; what it does not know is answered with 404. */
export function createApi(options: ApiOptions): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('trust proxy', [...options.trustedProxies]);
  app.use(probes(options));
  app.use(['/api', '/admin/api'], threshold(options.guard));
  app.use('/admin/api', options.admin);
  const body = express.json({ limit: BODY_LIMIT });
  app.use('/admin/api', door(options, ['person']), body, sessionRoutes(options));
  app.use('/api', door(options, ['owner', 'person', 'session']), body, ownerRoutes(options), sessionRoutes(options));
  app.use(answerUnknown);
  app.use(answerErrors(options.log));
  return app;
}

function ownerRoutes(options: ApiOptions): Router {
  const { sessions, tokens, views, catalogue, controller } = options;
  const router = Router();
  router.get('/catalogue', (_request, response: Response<CatalogueView>) => {
    ownerOf(response);
    const servers = [...catalogue.values()].map(({ name, variables, transport, command, args }) => ({
      ...{ name, variables },
      ...(transport === 'stdio' ? { command, args } : {}),
    }));
    response.json({ servers });
  });
  router.post('/sessions', async (request, response: Response<OpenedSession>) => {
    const owner = ownerOf(response);
    if (!request.is('json')) throw new AppError('request.media-type', 'The body must be application/json');
    await checkPace(options, owner);
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
    response.json(await controller.cleanup(ownerOf(response)));
  });
  router.get('/cleanup', async (_request, response: Response<CleanupPreview>) => {
    response.json(await controller.foresee(ownerOf(response)));
  });
  return router;
}

function sessionRoutes(options: ApiOptions): Router {
  const { sessions } = options;
  const router = Router();
  router.use(logRoutes(options), eventRoutes(sessions, options.operations));
  router.get('/sessions/:id', async (request, response: Response<SessionView>) => {
    const { id } = await authorize(sessions, response, request.params.id);
    response.json(await viewOf(options, id));
  });
  router.delete('/sessions/:id', async (request, response) => {
    const record = await authorize(sessions, response, request.params.id);
    await sessions.end(record.id, enderOf(response, record));
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

/** A guard against a program that runs away: an outage of the store is for whoever needs it to tell. */
async function checkPace({ operations, sessionsPerMinute }: ApiOptions, owner: string): Promise<void> {
  const opened = await operations.hit(`sessions:${owner}`, CREATION_MS).catch(() => 0);
  if (opened <= sessionsPerMinute) return;
  throw new AppError(
    'session.quota',
    `More than ${counted(sessionsPerMinute, 'session was', 'sessions were')} opened in a minute: try again later`,
    {
      retryAfter: CREATION_MS / 1000,
    },
  );
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
