import express, { type Request, type RequestHandler, type Response, Router } from 'express';
import { AppError, messageOf } from '../core/errors.ts';
import type { AuditEntry } from '../core/operations.ts';
import type { Person } from '../core/people.ts';
import { bearerOf } from './bearer.ts';
import { openApiDocument } from './openapi.ts';
import type { AdminOptions } from './options.ts';
import { type AdminRoute, type Call, checked } from './route.ts';
import { deploymentRoutes } from './routes/deployment.ts';
import { peopleRoutes } from './routes/people.ts';
import { sessionCareRoutes } from './routes/session-care.ts';
import { sessionReportRoutes } from './routes/session-reports.ts';

/** A name and a password, or an id. */
const BODY_LIMIT = '16kb';

/** All operations that are served here and nowhere else. */
export function adminRoutes(options: AdminOptions): AdminRoute[] {
  return [
    ...peopleRoutes(options),
    ...sessionReportRoutes(options),
    ...sessionCareRoutes(options),
    ...deploymentRoutes(options),
  ];
}

/** The admin API, to be mounted at `/admin/api`. What it throws is for whoever mounts it to answer. */
export function createAdmin(options: AdminOptions): Router {
  const router = Router();
  const routes = adminRoutes(options);
  let document: object | undefined;
  router.get('/openapi.json', (_request, response) => {
    document ??= openApiDocument(options.version, routes); // most never ask
    response.json(document);
  });
  for (const route of routes)
    router[route.method](
      route.path,
      identify(route, options),
      express.json({ limit: BODY_LIMIT }),
      serve(route, options),
    );
  return router;
}

/** Nothing is read of a stranger's body where strangers have no business. */
function identify({ roles, lenient, operation }: AdminRoute, { identities, audit }: AdminOptions): RequestHandler {
  return async (request, response, next) => {
    if (roles === 'everybody') return next();
    const attempt = { address: addressOf(request), action: operation };
    let person: Person;
    try {
      person = await identities.verify(bearerOf(request.headers.authorization), lenient);
    } catch (error) {
      await audit.note({ actor: 'unknown', ...attempt, outcome: outcomeOf(error), detail: codeOf(error) });
      throw error;
    }
    if (!roles.includes(person.role)) {
      await audit.note({ actor: person.name, role: person.role, ...attempt, outcome: 'refused' });
      throw new AppError('auth.forbidden', `This is for the roles ${roles.join(', ')}; you are ${person.role}`);
    }
    response.locals.person = person;
    next();
  };
}

function serve(route: AdminRoute, { audit }: AdminOptions): RequestHandler {
  return async (request, response) => {
    const person = response.locals.person as Person | undefined;
    const address = addressOf(request);
    let call: Call | undefined;
    const note = async (outcome: AuditEntry['outcome'], detail?: string) => {
      const actor = person ?? (response.locals.actor as Person | undefined);
      const target = call && route.target?.(call);
      await audit.note({
        actor: actor?.name ?? target ?? 'unknown',
        ...(actor ? { role: actor.role } : {}),
        address,
        action: route.operation,
        ...(target === undefined ? {} : { target }),
        outcome,
        ...(detail === undefined ? {} : { detail }),
      });
    };
    try {
      call = callOf(route, request, response, person, address);
      const body = await route.handle(call);
      // Before the answer: nobody is told of anything that is written down nowhere.
      if (route.method !== 'get') await note('done');
      response.status(route.status).json(body);
    } catch (error) {
      if (route.method !== 'get' || outcomeOf(error) === 'refused') await note(outcomeOf(error), codeOf(error));
      throw error;
    }
  };
}

function callOf(
  route: AdminRoute,
  request: Request,
  response: Response,
  person: Person | undefined,
  address: string,
): Call {
  const hasBody = request.headers['content-length'] !== '0' && request.is('*/*') !== null;
  if (hasBody && !request.is('json')) throw new AppError('request.media-type', 'The body must be application/json');
  return {
    person,
    address,
    query: checked(route.query, request.query),
    body: checked(route.body, request.body ?? {}),
    params: request.params as Record<string, string>,
    request,
    response,
  };
}

const addressOf = (request: Request): string => request.ip ?? 'unknown';
const codeOf = (error: unknown): string => (error instanceof AppError ? error.code : messageOf(error));

function outcomeOf(error: unknown): AuditEntry['outcome'] {
  return error instanceof AppError && [401, 403, 429].includes(error.status) ? 'refused' : 'failed';
}
