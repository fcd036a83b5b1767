import { once } from 'node:events';
import { type Response, Router } from 'express';
import { z } from 'zod';
import type { LogLevelSet, LogLine, WriteLog } from '../../core/api.ts';
import { AppError } from '../../core/errors.ts';
import { LOG_LEVELS } from '../../core/host-logs.ts';
import { isServerName } from '../../core/ids.ts';
import type { Logger } from '../../core/logger.ts';
import { notInSession } from '../../sessions/await-record.ts';
import type { Sessions } from '../../sessions/sessions.ts';
import { authorize, authorizeAgain } from './access.ts';
import { Followers } from './followers.ts';
import { SessionLog, type SessionLogOptions } from './session-log.ts';

/** Bytes that may wait for somebody who follows; who is slower than the log is cut off, and may come back. */
const WAITING = 4 << 20;
/** Who may follow one session's log at the same time, at one gateway. */
const FOLLOWERS = 16;

export interface LogRoutesOptions extends SessionLogOptions {
  readonly sessions: Sessions;
  readonly log: Logger;
  /** Aborts when those who follow are to go elsewhere. */
  readonly ending: AbortSignal;
}

const LEVEL = z.enum(LOG_LEVELS, { error: `must be one of ${LOG_LEVELS.join(', ')}` });
const SERVER = z.string('must be the name of a server').refine(isServerName, 'must be the name of a server');
const ENTRY = z.object({ level: LEVEL, server: SERVER, text: z.string('must be a text').min(1).max(8192) });
const SET_LEVEL = z.object({ level: LEVEL, for_seconds: z.int('must be a number of seconds').min(1).max(86_400) });
const COUNT = z.coerce.number('must be a number of lines').int().min(0).max(1_000_000);
const QUERY = z.object({
  server: SERVER.optional(),
  tail: COUNT.optional(),
  since: z.string().transform(timeOf).optional(),
  follow: z.enum(['true', 'false'], { error: 'must be true or false' }).optional(),
});

/** A session's log (core/api.ts). */
export function logRoutes(options: LogRoutesOptions): Router {
  const { sessions } = options;
  const router = Router();
  const sessionLog = new SessionLog(options);
  const followers = new Followers(FOLLOWERS);
  router.get('/sessions/:id/logs', async (request, response) => {
    const { follow, server, tail, since } = checked(QUERY, request.query);
    const record = await authorize(sessions, response, request.params.id);
    if (server !== undefined && !Object.hasOwn(record.servers, server)) throw notInSession(record, server);
    using _place = follow === 'true' ? followers.enter(record.id) : undefined;
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const wanted = {
      ...(server === undefined ? {} : { server }),
      ...(tail === undefined ? {} : { tail }),
      ...(since === undefined ? {} : { since }),
    };
    const { lines, places } = await sessionLog.read(record, wanted);
    response.type('application/x-ndjson').set('X-Accel-Buffering', 'no').flushHeaders();
    const write = (line: LogLine) => {
      if (response.writableLength > WAITING) response.destroy();
      else response.write(`${JSON.stringify(line)}\n`);
    };
    // What is there already may be more than may wait: as fast as it is read.
    for (const line of lines) {
      if (response.write(`${JSON.stringify(line)}\n`)) continue;
      await once(response, 'drain', { signal: gone.signal }).catch(() => {});
      if (gone.signal.aborted) return;
    }
    if (follow === 'true') {
      const look = () => authorizeAgain(sessions, response, record.id);
      const signal = AbortSignal.any([gone.signal, options.ending]);
      await sessionLog.follow({ ...wanted, id: record.id, places }, look, write, signal);
    }
    response.end();
  });
  router.post('/sessions/:id/log', async (request, response) => {
    const entry: WriteLog = checked(ENTRY, request.body);
    const record = await authorize(sessions, response, request.params.id);
    await sessionLog.add(record, entry);
    const { level, server, text } = entry;
    options.log[level]({ session: record.id, server, source: 'terminal' }, text);
    response.status(204).end();
  });
  router.put('/sessions/:id/log-level', async (request, response: Response<LogLevelSet>) => {
    const { level, for_seconds } = checked(SET_LEVEL, request.body);
    const { id } = await authorize(sessions, response, request.params.id);
    const setting = { level, until: options.clock.now() + for_seconds * 1000 };
    // Those that are started from here on get it from the record.
    const servers = await sessionLog.setLevel(await sessions.setLog(id, setting), setting);
    response.json({ level, for_seconds, servers });
  });
  return router;
}

/** RFC 3339, or milliseconds since the epoch. */
function timeOf(text: string, context: z.RefinementCtx): number {
  const time = /^\d+$/.test(text) ? Number(text) : Date.parse(text);
  if (Number.isFinite(time)) return time;
  context.addIssue({ code: 'custom', message: 'must be a time (RFC 3339), or milliseconds since the epoch' });
  return z.NEVER;
}

function checked<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const { success, data, error } = schema.safeParse(value ?? {});
  if (success) return data;
  const problems = error.issues.map(({ path, message }) => `${path.join('.') || 'the body'} ${message}`);
  throw new AppError('request.invalid', `The request cannot be used: ${problems.join('; ')}`);
}
