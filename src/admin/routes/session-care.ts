import { z } from 'zod';
import { AppError } from '../../core/errors.ts';
import type { SessionId } from '../../core/ids.ts';
import { type Person, ROLES } from '../../core/people.ts';
import type { SessionRecord } from '../../core/session.ts';
import { counted } from '../../core/words.ts';
import { eachOf } from '../each-of.ts';
import type { AdminOptions } from '../options.ts';
import { type AdminRoute, type Call, mayReach, route } from '../route.ts';
import { cleanup, cleanupPreview, message, recovery, sessionId } from '../schemas.ts';

/** Sessions that are touched at once. */
const AT_ONCE = 16;

/** Keeps sessions alive, gets them back, ends what nobody needs. */
export function sessionCareRoutes(options: AdminOptions): AdminRoute[] {
  return [refreshRoute(options), cleanupRoute(options), foreseeRoute(options), recoverRoute(options)];
}

function refreshRoute({ store, signals, clock }: AdminOptions): AdminRoute {
  const refresh = async (id: SessionId) => {
    const record = await store.touch(id);
    if (record) signals.publish(id); // controller and gateways look at it anew
    return record !== undefined;
  };
  return route({
    method: 'post',
    path: '/sessions/refresh',
    operation: 'sessions.refresh',
    summary: 'Puts off the end of one session, or of all: as if they were used now',
    roles: ROLES,
    body: z.strictObject({ session_id: sessionId.optional() }),
    answer: z.union([
      z.object({ message, refreshed_at: z.iso.datetime(), total_sessions: z.number().int() }),
      z.object({ message, updated_at: z.iso.datetime() }),
    ]),
    target: ({ body }) => body.session_id,
    handle: async ({ body, person }) => {
      const now = () => new Date(clock.now()).toISOString();
      if (body.session_id !== undefined) {
        const record = await reach(store, body.session_id, person);
        if (!(await refresh(record.id))) throw unknown();
        return { message: `Session ${record.id} was refreshed`, updated_at: now() };
      }
      const ids: SessionId[] = [];
      for await (const record of store.list()) if (mayReach(person, record)) ids.push(record.id);
      let total = 0;
      await eachOf(ids, AT_ONCE, async (id) => {
        if (await refresh(id)) total += 1;
      });
      return {
        message: counted(total, 'session was refreshed', 'sessions were refreshed'),
        refreshed_at: now(),
        total_sessions: total,
      };
    },
  });
}

function cleanupRoute({ controller, store }: AdminOptions): AdminRoute {
  return route({
    method: 'post',
    path: '/sessions/cleanup',
    operation: 'sessions.cleanup',
    summary: 'Ends sessions whose terminal is gone, and servers that belong to no session',
    roles: ROLES,
    body: z.strictObject({}),
    answer: cleanup,
    handle: async ({ person }: Call) => {
      const { sessions, orphans } = await controller.cleanup(ownerFor(person));
      let remaining = 0;
      for await (const record of store.list()) if (mayReach(person, record)) remaining += 1;
      const text = `Cleaned up ${sessions.length} terminated sessions`;
      return { message: text, remaining_sessions: remaining, sessions, orphans };
    },
  });
}

function foreseeRoute({ controller }: AdminOptions): AdminRoute {
  return route({
    method: 'get',
    path: '/sessions/cleanup',
    operation: 'sessions.foresee-cleanup',
    summary: 'What a cleanup would end now',
    roles: ROLES,
    answer: cleanupPreview,
    handle: ({ person }: Call) => controller.foresee(ownerFor(person)),
  });
}

/** Whose sessions are cleaned up; undefined: everybody's. */
const ownerFor = (person: Person | undefined) => (person?.role === 'developer' ? person.name : undefined);

function recoverRoute({ store, signals, sessions, operations, view }: AdminOptions): AdminRoute {
  return route({
    method: 'post',
    path: '/sessions/recover',
    operation: 'sessions.recover',
    summary:
      'Gets a session back to work: puts off its end, starts servers of it that have failed, replaces those that fail or hang',
    roles: ['admin', 'developer'],
    body: z.strictObject({ old_session_id: sessionId }),
    answer: recovery,
    target: ({ body }) => body.old_session_id,
    handle: async ({ body, person }) => {
      const id = body.old_session_id;
      const found = await store.peek(id);
      const record = found && mayReach(person, found) ? await store.touch(id) : undefined;
      if (!record) {
        const { items } = await operations.events({ session: id, limit: 1 });
        throw gone(id, items[0] && mayReach(person, items[0]) ? items[0].reason : undefined);
      }
      const servers = (await view(record))?.servers ?? [];
      const bad = servers.filter(
        ({ state, unconfigured }) => (state === 'failed' && !unconfigured) || state === 'failing',
      );
      for (const { name, state } of bad) await sessions.setServer(id, name, state === 'failed' ? 'start' : 'restart');
      signals.publish(id);
      const restarted = bad.map(({ name }) => name);
      const what = restarted.length > 0 ? `; started again: ${restarted.join(', ')}` : '';
      return {
        message: `The session is live and was refreshed${what}`,
        old_session_id: id,
        new_session_id: id,
        instructions: 'Nothing has to be done: clients go on with the token and the connection that they have',
        restarted,
      };
    },
  });
}

/** The session, if this person may change it; about others the answer is the same whether they are there or not. */
async function reach(store: AdminOptions['store'], id: SessionId, person: Person | undefined): Promise<SessionRecord> {
  const record = await store.peek(id);
  if (!record || !mayReach(person, record)) throw unknown();
  return record;
}

const INSTRUCTIONS =
  'Run `mcp-session-manager init` in its terminal: the terminal gets a session of the same name again, and its client a token for it';

const unknown = () => new AppError('session.over', `This session is over, or is not yours. ${INSTRUCTIONS}`);

/**
 * Nothing of a session outlives it, its variables least of all; and a token of it is refused for good. So only its terminal
 * can open the next one, and has to.
 */
function gone(id: SessionId, reason: string | undefined): AppError {
  const why = reason === undefined ? '' : ` (${reason})`;
  return new AppError('session.over', `This session is over${why} and cannot be recovered from here`, {
    data: { old_session_id: id, instructions: INSTRUCTIONS },
  });
}
