import { type Response, Router } from 'express';
import { AppError } from '../../core/errors.ts';
import type { LifecycleEvent, OperationsStore, Page } from '../../core/operations.ts';
import type { Sessions } from '../../sessions/sessions.ts';
import { authorize } from './access.ts';

/** Events of one page: as many as are asked for, at most, and if nobody says. */
const MOST = 1000;
const USUAL = 100;

/** What happened to a session and its servers, newest first (core/api.ts). */
export function eventRoutes(sessions: Sessions, operations: Pick<OperationsStore, 'events'>): Router {
  const router = Router();
  router.get('/sessions/:id/events', async (request, response: Response<Page<LifecycleEvent>>) => {
    const { after, limit = String(USUAL) } = request.query;
    const count = Number(limit);
    if (!Number.isInteger(count) || count < 1 || count > MOST)
      throw new AppError('request.invalid', `The request cannot be used: limit must be a number from 1 to ${MOST}`);
    if (after !== undefined && typeof after !== 'string')
      throw new AppError('request.invalid', 'The request cannot be used: after must be the `next` of the last page');
    const { id } = await authorize(sessions, response, request.params.id);
    response.json(await operations.events({ session: id, limit: count, ...(after === undefined ? {} : { after }) }));
  });
  return router;
}
