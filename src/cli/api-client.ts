import type { ClientRequest, IncomingMessage } from 'node:http';
import { request as httpRequest } from 'node:http';
import type { ApiError } from '../core/api.ts';
import type { ErrorCode } from '../core/errors.ts';
import { AppError, ERRORS } from '../core/errors.ts';

export interface ApiCall {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Such as `/api/sessions`. */
  readonly path: string;
  /** The owner's credential or a session's token. */
  readonly bearer: string;
  readonly body?: object;
  /** Milliseconds until the answer must be there. */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 10_000;

/**
 * Calls the session API (core/api.ts) once. Plain `node:http`, because `headers` and `end` must start fast.
 * Rejects with the error that the API answered, or with `manager.unreachable`.
 * @returns the answer's JSON; undefined if it has none
 */
export async function callApi(url: string, call: ApiCall): Promise<unknown> {
  const request = url.startsWith('https:') ? (await import('node:https')).request : httpRequest;
  let answer: Answer;
  try {
    answer = await exchange(request, url, call);
  } catch (error) {
    throw unreachable(url, error as NodeJS.ErrnoException);
  }
  const json = parsed(answer.text);
  if (answer.status >= 200 && answer.status < 300) return json;
  throw errorOf(url, answer, json);
}

interface Answer {
  readonly status: number;
  readonly retryAfter?: number;
  readonly text: string;
}

function exchange(request: typeof httpRequest, url: string, call: ApiCall): Promise<Answer> {
  const body = call.body && JSON.stringify(call.body);
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const sent: ClientRequest = request(url + call.path, {
    agent: false,
    method: call.method,
    headers: {
      authorization: `Bearer ${call.bearer}`,
      accept: 'application/json',
      ...(body && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
    },
    signal: AbortSignal.timeout(call.timeoutMs ?? TIMEOUT_MS),
  });
  sent.on('error', reject);
  sent.on('response', (response) => {
    read(response).then(resolve, reject);
  });
  sent.end(body);
  return promise;
}

async function read(response: IncomingMessage): Promise<Answer> {
  let text = '';
  response.setEncoding('utf8');
  for await (const chunk of response) text += chunk;
  const seconds = Number(response.headers['retry-after']);
  return { status: response.statusCode ?? 0, text, ...(seconds > 0 && { retryAfter: seconds }) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function unreachable(url: string, error: NodeJS.ErrnoException): AppError {
  const late = error.name === 'TimeoutError' || error.name === 'AbortError';
  const message = late
    ? `the manager at ${url} did not answer in time: look at its log, or start it again with 'npm start' in the project's folder`
    : `the manager is not running: nothing answers at ${url} (${error.code ?? error.message}). Start it with 'npm start' in the project's folder`;
  return new AppError('manager.unreachable', message, { cause: error });
}

function errorOf(url: string, answer: Answer, json: unknown): AppError {
  const error = (json as Partial<ApiError> | undefined)?.error;
  if (typeof error?.message !== 'string' || !(error.code in ERRORS)) {
    return new AppError(
      'internal',
      `${url} answered ${answer.status} and does not speak the session API: is another program there? ` +
        'Set MCP_SESSION_MANAGER_URL to the address of the manager',
    );
  }
  return new AppError(error.code as ErrorCode, error.message, {
    ...(answer.retryAfter !== undefined && { retryAfter: answer.retryAfter }),
    ...(error.data && { data: error.data }),
  });
}
