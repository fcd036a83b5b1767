import type { IncomingMessage, ServerResponse } from 'node:http';
import type { LogEntry, LogQuery, LogSetting, NumberedLine } from '../core/host-logs.ts';
import type { LogRing } from './log-ring.ts';
import { readJson } from './read-body.ts';
import type { ServerLog } from './server-log.ts';

/**
 * Bytes that may wait for somebody who reads; who is slower than the log is cut off, and may come back. More than a whole ring
 * takes, whose lines JSON may write with six bytes for each character.
 */
const WAITING = 4 << 20;

/**
 * Answers a request that is about the log (core/host-logs.ts): `GET /logs`, `NumberedLine`s, one JSON text a line;
 * `POST /log`; `PUT /log-level`. False: it is about something else.
 * @param authorize throws if it may not be answered
 */
export async function answerLog(
  req: IncomingMessage,
  res: ServerResponse,
  log: ServerLog,
  authorize: () => void,
): Promise<boolean> {
  switch (`${req.method} ${req.url?.split('?')[0]}`) {
    case 'GET /logs':
      authorize();
      answerLines(queryOf(req.url ?? ''), res, log.ring);
      return true;
    case 'POST /log':
      authorize();
      log.add((await readJson(req)) as LogEntry);
      break;
    case 'PUT /log-level':
      authorize();
      log.set((await readJson(req)) as LogSetting);
      break;
    default:
      return false;
  }
  res.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  return true;
}

function answerLines(query: LogQuery, res: ServerResponse, ring: LogRing): void {
  const write = (line: NumberedLine) => {
    if (res.writableLength > WAITING) res.destroy();
    else res.write(`${JSON.stringify(line)}\n`);
  };
  res.writeHead(200, { 'content-type': 'application/x-ndjson' }).flushHeaders();
  for (const line of ring.lines(query)) write(line);
  if (!query.follow) {
    res.end();
    return;
  }
  const following = ring.follow(write);
  res.once('close', () => following[Symbol.dispose]());
}

function queryOf(url: string): LogQuery {
  const given = new URL(url, 'http://host').searchParams;
  const number = (name: 'since' | 'after' | 'tail') => (given.has(name) ? { [name]: Number(given.get(name)) } : {});
  return { ...number('since'), ...number('after'), ...number('tail'), follow: given.get('follow') === 'true' };
}
