import { z } from 'zod';
import { pageOf, paging } from './route.ts';
import { lifecycleEvent, sessionView } from './schemas.ts';

/** An operation on one session that the session API (core/api.ts) serves, here too: what the document says of it. */
export interface SessionOperation {
  readonly method: 'get' | 'post' | 'put' | 'delete';
  readonly path: string;
  readonly operation: string;
  readonly summary: string;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  readonly status: number;
  /** Absent: nothing. */
  readonly answer?: z.ZodType;
  /** Absent: JSON. */
  readonly media?: string;
}

const ONE = '/sessions/:id';
const level = z.enum(['debug', 'info', 'warn', 'error']);
const logLine = z.object({
  time: z.union([z.string(), z.number()]),
  server: z.string(),
  stream: z.enum(['stderr', 'host']),
  level: z.string().optional(),
  text: z.string(),
});

export const SESSION_OPERATIONS: readonly SessionOperation[] = [
  {
    method: 'get',
    path: ONE,
    operation: 'session',
    summary: 'One session, and how its servers are',
    status: 200,
    answer: sessionView,
  },
  { method: 'delete', path: ONE, operation: 'session.end', summary: 'Ends a session', status: 204 },
  {
    method: 'post',
    path: `${ONE}/stop`,
    operation: 'session.stop',
    summary: 'Stops all servers of a session',
    status: 200,
    answer: sessionView,
  },
  {
    method: 'post',
    path: `${ONE}/servers/:name/:action`,
    operation: 'server.change',
    summary: 'Starts, stops or restarts one server: `action` is start, stop or restart',
    status: 200,
    answer: sessionView,
  },
  {
    method: 'get',
    path: `${ONE}/events`,
    operation: 'session.events',
    summary: 'What happened to a session and its servers, newest first',
    query: z.object(paging),
    status: 200,
    answer: pageOf(lifecycleEvent),
  },
  {
    method: 'get',
    path: `${ONE}/logs`,
    operation: 'session.logs',
    summary: 'Lines of the logs of a session’s servers',
    query: z.object({
      server: z.string().optional().describe('This one alone'),
      tail: z.coerce.number().int().min(0).optional().describe('So many of the last lines'),
      since: z.string().optional().describe('RFC 3339, or milliseconds since the epoch'),
      follow: z.enum(['true', 'false']).optional().describe('Stay, and say what comes'),
    }),
    status: 200,
    answer: logLine,
    media: 'application/x-ndjson',
  },
  {
    method: 'post',
    path: `${ONE}/log`,
    operation: 'session.log',
    summary: 'Adds an entry to the log of a session',
    body: z.object({ level, server: z.string(), text: z.string().min(1).max(8192) }),
    status: 204,
  },
  {
    method: 'put',
    path: `${ONE}/log-level`,
    operation: 'session.log-level',
    summary: 'Another level for the logs of a session, for a while',
    body: z.object({ level, for_seconds: z.int().min(1).max(86_400) }),
    status: 200,
    answer: z.object({ level, for_seconds: z.int(), servers: z.array(z.string()) }),
  },
];
