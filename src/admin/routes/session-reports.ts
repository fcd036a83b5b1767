import { z } from 'zod';
import type { SessionView } from '../../core/api.ts';
import { AppError } from '../../core/errors.ts';
import { type Person, ROLES } from '../../core/people.ts';
import type { SessionRecord } from '../../core/session.ts';
import { eachOf } from '../each-of.ts';
import type { Health } from '../health.ts';
import type { Reason } from '../judge.ts';
import type { AdminOptions } from '../options.ts';
import { type AdminRoute, type Call, mayReach, pageOf, paging, route } from '../route.ts';
import { debug, health as healthAnswer, sessionView } from '../schemas.ts';
import { phaseOf } from '../server-counts.ts';

/** Sessions that one answer about health names; that more are there its count says. */
const DETAILS = 1000;
/** Events that are looked through for sessions that have ended lately. */
const LATELY = 200;
const AT_ONCE = 16;

/** What operators look at. */
export function sessionReportRoutes(options: AdminOptions): AdminRoute[] {
  return [healthRoute(options), debugRoute(options), listRoute(options)];
}

function healthRoute(options: AdminOptions): AdminRoute {
  const { health, clock, startedAt, mcp } = options;
  return route({
    method: 'get',
    path: '/sessions/health',
    operation: 'sessions.health',
    summary: 'How the deployment is, over all replicas, and which sessions there are',
    roles: ROLES,
    lenient: true,
    answer: healthAnswer,
    handle: async ({ person }: Call) => {
      const found = await health.now();
      const sessions = (found.sessions ?? []).filter((record) => mayReach(person, record));
      return {
        status: found.status,
        active_sessions: sessions.length,
        session_details: [
          ...sessions.slice(0, DETAILS).map(detailOf),
          ...(await endedLately(options, person, sessions)),
        ],
        server_uptime: (clock.now() - startedAt) / 1000,
        mcp_config: {
          sse_path: mcp.sse,
          message_path: mcp.messages,
          stateless: false,
          session_recovery_enabled: true,
        },
        ...everythingElse(person?.role === 'developer' ? withoutNames(found) : found),
      };
    },
  });
}

function debugRoute({ health, configuration }: AdminOptions): AdminRoute {
  return route({
    method: 'get',
    path: '/sessions/debug',
    operation: 'sessions.debug',
    summary: 'What is stored, who runs, and the effective configuration',
    roles: ['admin', 'operator'],
    answer: debug,
    handle: async () => {
      const found = await health.now();
      const stored = found.sessions?.length ?? 0;
      return {
        session_manager_available: found.replicas.some(({ leads }) => leads),
        mcp_server_available: found.replicas.some(({ role, draining }) => isGateway(role) && !draining),
        stored_activities: stored,
        stored_sessions: stored,
        config: configuration,
        ...everythingElse(found),
      };
    },
  });
}

function listRoute({ store, view }: AdminOptions): AdminRoute {
  return route({
    method: 'get',
    path: '/sessions',
    operation: 'sessions.list',
    summary: 'Sessions, oldest first',
    roles: ROLES,
    query: z.strictObject({
      ...paging,
      owner: z.string().max(200).optional(),
      server: z.string().max(64).optional().describe('That have this server'),
      state: z
        .enum(['ready', 'starting', 'pending', 'idle', 'failed', 'unconfigured', 'stopped'])
        .optional()
        .describe('With a server in this state'),
    }),
    answer: pageOf(sessionView),
    handle: async ({ person, query }) => {
      const { owner, server, state, limit, after } = query;
      const from = after === undefined ? undefined : placeIn(after);
      const found: SessionRecord[] = [];
      for await (const record of store.list()) {
        const servers = Object.entries(record.servers).filter(([name]) => server === undefined || name === server);
        const fits =
          (owner === undefined || record.owner === owner) &&
          (servers.length > 0 || (server === undefined && state === undefined)) &&
          (state === undefined || servers.some(([, one]) => phaseOf(one) === state));
        if (fits && mayReach(person, record) && (from === undefined || placeOf(record) > from)) found.push(record);
      }
      found.sort((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1));
      const page = found.slice(0, limit);
      const views = new Map<string, SessionView>();
      await eachOf(page, AT_ONCE, async (record) => {
        const shown = await view(record);
        if (shown) views.set(record.id, shown);
      });
      const items = page.flatMap(({ id }) => views.get(id) ?? []);
      const last = found.length > limit ? page.at(-1) : undefined;
      return last ? { items, next: Buffer.from(placeOf(last)).toString('base64url') } : { items };
    },
  });
}

/** Where a session comes in the list. */
const placeOf = ({ createdAt, id }: SessionRecord): string => `${String(createdAt).padStart(15, '0')} ${id}`;

function placeIn(cursor: string): string {
  const place = Buffer.from(cursor, 'base64url').toString('latin1');
  if (/^\d{15} [\w-]+$/.test(place)) return place;
  throw new AppError('request.invalid', 'The cursor is none: give back `next` as it came');
}

const isGateway = (role: string): boolean => role === 'gateway' || role === 'serve';

/** What runs where is the operators' business. */
const withoutNames = (health: Health): Health => ({
  ...health,
  reasons: health.reasons.map(({ code, text }) => ({ code, text })),
  replicas: [],
});

const everythingElse = ({ reasons, replicas, servers }: Health) => ({
  reasons: reasons.map(({ code, text, detail }: Reason) => ({
    code,
    text,
    ...(detail === undefined ? {} : { detail }),
  })),
  servers,
  replicas,
});

const detailOf = ({ id, createdAt, owner, servers }: SessionRecord) => ({
  session_id: id,
  is_terminated: false,
  created_at: new Date(createdAt).toISOString(),
  owner,
  servers: Object.fromEntries(Object.entries(servers).map(([name, server]) => [name, phaseOf(server)])),
});

/** Sessions that are over, as far as the last events tell. */
async function endedLately({ operations }: AdminOptions, person: Person | undefined, live: readonly SessionRecord[]) {
  const ids = new Set(live.map(({ id }) => id));
  const { items } = await operations.events({ limit: LATELY }).catch(() => ({ items: [] }));
  const ended = items.filter(({ name }) => name === 'session.ended' || name === 'session.expired');
  return ended
    .filter((event, n) => ended.findIndex(({ session }) => session === event.session) === n)
    .filter((event) => !ids.has(event.session) && mayReach(person, event))
    .map(({ session, owner }) => {
      const born = items.find((event) => event.name === 'session.created' && event.session === session);
      const created = born ? { created_at: new Date(born.at).toISOString() } : {};
      return { session_id: session, is_terminated: true, owner, ...created };
    });
}
