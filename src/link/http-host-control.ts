import { type IncomingMessage, request } from 'node:http';
import type { HostAssignment, HostControl, HostStatus, Retirement } from '../core/channel.ts';
import { AppError, ERRORS, type ErrorCode, messageOf } from '../core/errors.ts';
import type { HostLogs, LogEntry, LogQuery, LogSetting, NumberedLine } from '../core/host-logs.ts';
import type { Endpoint } from '../core/session.ts';
import { addressOptions } from './endpoint.ts';

/** Characters of an answer: what a host gives was given to it, and it takes no more (host/read-body.ts). */
const LONGEST_ANSWER = 4 << 20;
/** Characters of a line of a log: the longest text (host/server-log.ts), of which JSON may write each with six. */
const LONGEST_LINE = 64 << 10;

interface Call {
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly path: string;
  readonly secret: string;
  /** It is not asked for yet. */
  readonly open?: true;
  readonly body?: object;
}

/**
 * What the controller and the API ask of a host, over its HTTP endpoints (src/host/host.ts). A host may be in the hands of its
 * server: what it answers has a bound, and is an error if it is not what a host says.
 */
export class HttpHostControl implements HostControl, HostLogs {
  async configure(endpoint: Endpoint, secret: string, assignment: HostAssignment, signal: AbortSignal): Promise<void> {
    await call(
      endpoint,
      { method: 'POST', path: '/configure', secret, open: true, body: { secret, assignment } },
      signal,
    );
  }

  async status(endpoint: Endpoint, secret: string, signal: AbortSignal): Promise<HostStatus> {
    return (await call(endpoint, { method: 'GET', path: '/status', secret }, signal)) as HostStatus;
  }

  async record(endpoint: Endpoint, secret: string, signal: AbortSignal): Promise<string> {
    const answer = (await call(endpoint, { method: 'GET', path: '/record', secret }, signal)) as { record: string };
    return answer.record;
  }

  async retire(endpoint: Endpoint, secret: string, idleMs: number, signal: AbortSignal): Promise<Retirement> {
    return (await call(endpoint, { method: 'POST', path: '/retire', secret, body: { idleMs } }, signal)) as Retirement;
  }

  async *lines(endpoint: Endpoint, secret: string, query: LogQuery, signal: AbortSignal): AsyncIterable<NumberedLine> {
    const given = Object.entries(query).map(([name, value]): [string, string] => [name, String(value)]);
    const path = `/logs?${new URLSearchParams(given)}`;
    const response = await begin(endpoint, { method: 'GET', path, secret }, signal);
    if (response.statusCode !== 200) throw asError(response.statusCode, await textOf(response));
    try {
      for await (const line of linesOf(response, query.follow ? Number.POSITIVE_INFINITY : LONGEST_ANSWER))
        yield parsed(line) as NumberedLine;
    } finally {
      response.destroy();
    }
  }

  async add(endpoint: Endpoint, secret: string, entry: LogEntry, signal: AbortSignal): Promise<void> {
    await call(endpoint, { method: 'POST', path: '/log', secret, body: entry }, signal);
  }

  async setLevel(endpoint: Endpoint, secret: string, setting: LogSetting, signal: AbortSignal): Promise<void> {
    await call(endpoint, { method: 'PUT', path: '/log-level', secret, body: setting }, signal);
  }
}

async function call(endpoint: Endpoint, what: Call, signal: AbortSignal): Promise<unknown> {
  const response = await begin(endpoint, what, signal);
  const text = await orUnreachable(signal, () => textOf(response));
  if (response.statusCode === 200) return parsed(text);
  throw asError(response.statusCode, text);
}

/** The head of the answer. */
function begin(
  endpoint: Endpoint,
  { method, path, secret, open, body }: Call,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const asked = () =>
    new Promise<IncomingMessage>((resolve, reject) => {
      const headers = open ? {} : { authorization: `Bearer ${secret}` };
      const req = request({ ...addressOptions(endpoint, secret), method, path, headers, signal }, resolve);
      req.once('error', reject);
      req.end(body === undefined ? undefined : JSON.stringify(body));
    });
  return orUnreachable(signal, asked);
}

async function textOf(response: IncomingMessage): Promise<string> {
  let text = '';
  response.setEncoding('utf8');
  for await (const chunk of response) {
    text += chunk;
    if (text.length > LONGEST_ANSWER) throw new Error(`it answers more than ${LONGEST_ANSWER} characters`);
  }
  return text;
}

/** @param most characters of all lines together */
async function* linesOf(response: IncomingMessage, most: number): AsyncIterable<string> {
  let begun = '';
  let length = 0;
  response.setEncoding('utf8');
  for await (const chunk of response as AsyncIterable<string>) {
    length += chunk.length;
    const lines = (begun + chunk).split('\n');
    begun = lines.pop() ?? '';
    yield* lines;
    if (begun.length > LONGEST_LINE || length > most) throw notAHosts();
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw notAHosts(cause);
  }
}

const notAHosts = (cause?: unknown) => new AppError('server.failed', 'The host answers what no host says', { cause });

async function orUnreachable<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    signal.throwIfAborted();
    throw new AppError('server.failed', `The host cannot be reached: ${messageOf(cause)}`, { cause });
  }
}

/** The error as the host threw it. */
function asError(status: number | undefined, text: string): AppError {
  try {
    const { error } = JSON.parse(text) as {
      error: { code: ErrorCode; message: string; data?: Record<string, unknown> };
    };
    if (error.code in ERRORS) return new AppError(error.code, error.message, error.data ? { data: error.data } : {});
  } catch {
    // not our host's body
  }
  return new AppError('server.failed', `The host answered HTTP ${status}`);
}
