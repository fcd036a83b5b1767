import type { RequestHandler, Response } from 'express';
import { AppError } from '../../core/errors.ts';
import { isSessionId, type SessionId } from '../../core/ids.ts';
import type { EndedBy } from '../../core/meter.ts';
import type { Person } from '../../core/people.ts';
import type { SessionRecord } from '../../core/session.ts';
import type { AuditTrail } from '../../sessions/audit-trail.ts';
import { sessionOver } from '../../sessions/await-record.ts';
import type { Sessions } from '../../sessions/sessions.ts';
import { checkOrigin, type GuardOptions } from '../mcp/guards.ts';
import { type Authorities, authenticate, type Principal } from './auth.ts';

export interface DoorOptions extends Authorities {
  readonly guard: GuardOptions;
  readonly audit: AuditTrail;
}

/** Answers are nobody's but the caller's, and no page is made of them (OWASP, REST Security Cheat Sheet, "Security Headers"). */
const HEADERS = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
} as const;

/** What holds for every request, a stranger's too: no page in a browser comes in, and none keeps an answer. */
export function threshold(guard: GuardOptions): RequestHandler {
  return (request, response, next) => {
    response.set(HEADERS);
    checkOrigin(request.headers, guard);
    next();
  };
}

/**
 * Nothing behind it, not even the reading of a body, is done for a stranger. What people do, and are refused, goes into the
 * audit log.
 * @param kinds who may come in here
 */
export function door(options: DoorOptions, kinds: readonly Principal['kind'][]): RequestHandler {
  return async (request, response, next) => {
    let principal: Principal | undefined;
    // Not `finish`: who goes before the answer is there has done it all the same.
    response.once('close', () => {
      const person = principal?.kind === 'person' ? principal.person : undefined;
      const refused = [401, 403, 429].includes(response.statusCode);
      if (!person && !(refused && kinds.length === 1)) return; // owners and terminals have logs of their own
      if (request.method === 'GET' && !refused) return;
      const path = `${request.baseUrl}${(request.route as { path?: string } | undefined)?.path ?? ''}`;
      const { id } = request.params as { id?: string };
      void options.audit.note({
        ...actorOf(person),
        address: request.ip ?? 'unknown',
        action: `${request.method} ${path}`,
        ...(id === undefined ? {} : { target: id }),
        outcome: refused ? 'refused' : response.statusCode < 400 ? 'done' : 'failed',
      });
    });
    principal = await authenticate(request.headers.authorization, options);
    if (!kinds.includes(principal.kind))
      throw new AppError('auth.invalid', 'This needs the token of somebody who has logged in');
    response.locals.principal = principal;
    response.locals.authenticate = () => authenticate(request.headers.authorization, options);
    next();
  };
}

const actorOf = (person: Person | undefined) =>
  person ? { actor: person.name, role: person.role } : { actor: 'unknown' };

function principalOf(response: Response): Principal {
  return response.locals.principal as Principal;
}

/** As whom the caller ends a session: as its owner, or as one who looks after those of others. */
export function enderOf(response: Response, { owner }: Pick<SessionRecord, 'owner'>): EndedBy {
  const principal = principalOf(response);
  return principal.kind === 'person' && principal.person.name !== owner ? 'admin' : 'owner';
}

/** Whose sessions the caller deals with. Throws `auth.forbidden` for a session's token, and for operators who would change something. */
export function ownerOf(response: Response): string {
  const principal = principalOf(response);
  if (principal.kind === 'owner') return principal.owner;
  if (principal.kind === 'person') {
    checkRole(principal.person, response);
    return principal.person.name;
  }
  throw new AppError(
    'auth.forbidden',
    "This needs the owner's credential; a session's token is for that session alone",
  );
}

/** The session, if the caller may deal with it. About somebody else's the answer is the same whether it is there or not. */
export async function authorize(
  sessions: Pick<Sessions, 'get'>,
  response: Response,
  id: SessionId,
): Promise<SessionRecord> {
  const principal = principalOf(response);
  if (principal.kind === 'session' && principal.claims.session !== id)
    throw new AppError('auth.forbidden', "A session's token is for that session alone: use the one of this session");
  if (principal.kind === 'person') checkRole(principal.person, response);
  if (!isSessionId(id)) throw sessionOver();
  const record = await sessions.get(id);
  if (!isHis(principal, record)) throw sessionOver();
  return record;
}

/** As `authorize`, for an answer that goes on: the caller may have lost his rights since it began. Throws `auth.invalid` too. */
export async function authorizeAgain(
  sessions: Pick<Sessions, 'get'>,
  response: Response,
  id: SessionId,
): Promise<SessionRecord> {
  response.locals.principal = await (response.locals.authenticate as () => Promise<Principal>)();
  return authorize(sessions, response, id);
}

function isHis(principal: Principal, { owner, nonce }: SessionRecord): boolean {
  switch (principal.kind) {
    case 'owner':
      return owner === principal.owner;
    case 'person':
      return principal.person.role !== 'developer' || owner === principal.person.name;
    case 'session':
      return nonce === principal.claims.nonce;
  }
}

function checkRole({ role }: Person, response: Response): void {
  if (role !== 'operator' || response.req.method === 'GET') return;
  throw new AppError('auth.forbidden', 'Operators look, refresh and clean up: this is for the role admin');
}
