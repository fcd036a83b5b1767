import { z } from 'zod';
import { AppError } from '../../core/errors.ts';
import { drainMark } from '../../core/operations.ts';
import { ROLES } from '../../core/people.ts';
import type { AdminOptions } from '../options.ts';
import { type AdminRoute, pageOf, paging, route } from '../route.ts';
import { auditEntry, lifecycleEvent, message, replica, sessionId } from '../schemas.ts';

/** How long a replica is asked to drain, milliseconds: it is to have been ended by then. */
const DRAIN_MS = 24 * 3_600_000;

/** The processes of the deployment, and what has happened in it. */
export function deploymentRoutes({ operations, configuration }: AdminOptions): AdminRoute[] {
  return [
    route({
      method: 'get',
      path: '/replicas',
      operation: 'replicas',
      summary: 'Processes of the deployment, as they last said of themselves',
      roles: ['admin', 'operator'],
      answer: z.object({ replicas: z.array(replica) }),
      handle: async () => ({ replicas: await operations.replicas() }),
    }),
    drainRoute(operations),
    route({
      method: 'get',
      path: '/events',
      operation: 'events',
      summary: 'What happened to sessions and servers, newest first',
      roles: ROLES,
      query: z.strictObject({ ...paging, session: sessionId.optional(), owner: z.string().max(200).optional() }),
      answer: pageOf(lifecycleEvent),
      handle: async ({ person, query }) => {
        const { limit, session, after } = query;
        const owner = person?.role === 'developer' ? person.name : query.owner;
        return operations.events({ limit, ...given({ session, owner, after }) });
      },
    }),
    route({
      method: 'get',
      path: '/audit',
      operation: 'audit',
      summary: 'What people did, and what they were refused, newest first',
      roles: ['admin'],
      query: z.strictObject({
        ...paging,
        actor: z.string().max(200).optional(),
        action: z.string().max(200).optional(),
      }),
      answer: pageOf(auditEntry),
      handle: ({ query: { limit, ...rest } }) => operations.audited({ limit, ...given(rest) }),
    }),
    route({
      method: 'get',
      path: '/config',
      operation: 'config',
      summary: 'The effective configuration of the replica that answers, secrets masked',
      roles: ['admin', 'operator'],
      answer: z.object({ config: z.record(z.string(), z.unknown()) }),
      handle: async () => ({ config: configuration }),
    }),
  ];
}

function drainRoute(operations: AdminOptions['operations']): AdminRoute {
  return route({
    method: 'post',
    path: '/replicas/:id/drain',
    operation: 'replicas.drain',
    summary:
      'A gateway takes no new work from now on: its balancer sees it in `/readyz`. It serves on until it is ended',
    roles: ['admin'],
    body: z.strictObject({}),
    status: 202,
    answer: z.object({ message, replica }),
    target: ({ params }) => params.id,
    handle: async ({ params }) => {
      const all = await operations.replicas();
      const found = all.find(({ id }) => id === params.id);
      if (!found) throw new AppError('replica.unknown', 'There is no such replica: GET replicas has their ids');
      if (found.role !== 'gateway')
        throw new AppError('request.invalid', `A ${found.role} cannot be drained, only a gateway: end its process`);
      if (!all.some(({ id, role, draining }) => id !== found.id && role === 'gateway' && !draining))
        throw new AppError('request.invalid', 'No other gateway takes work: start one first');
      await operations.mark(drainMark(found.id), DRAIN_MS);
      return { message: 'It drains within some seconds; then its process can be ended', replica: found };
    },
  });
}

/** Without what is undefined. */
function given<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
