import { type IncomingMessage, request } from 'node:http';
import type { HostAssignment, HostControl, HostStatus, Retirement } from '../core/channel.ts';
import { AppError, ERRORS, type ErrorCode, messageOf } from '../core/errors.ts';
import type { Endpoint } from '../core/session.ts';
import { addressOptions } from './endpoint.ts';

interface Call {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly secret?: string;
  readonly body?: object;
}

/** What the controller and the API ask of a host, over its HTTP endpoints (src/host/host.ts). */
export class HttpHostControl implements HostControl {
  async configure(endpoint: Endpoint, secret: string, assignment: HostAssignment, signal: AbortSignal): Promise<void> {
    await call(endpoint, { method: 'POST', path: '/configure', body: { secret, assignment } }, signal);
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
}

async function call(endpoint: Endpoint, { method, path, secret, body }: Call, signal: AbortSignal): Promise<unknown> {
  const { status, text } = await exchange(
    endpoint,
    { method, path, ...(secret ? { secret } : {}), ...(body ? { body } : {}) },
    signal,
  );
  if (status === 200) return JSON.parse(text);
  throw asError(status, text);
}

async function exchange(
  endpoint: Endpoint,
  { method, path, secret, body }: Call,
  signal: AbortSignal,
): Promise<{ status: number | undefined; text: string }> {
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const headers = secret === undefined ? {} : { authorization: `Bearer ${secret}` };
      const req = request({ ...addressOptions(endpoint), method, path, headers, signal, agent: false }, resolve);
      req.once('error', reject);
      req.end(body === undefined ? undefined : JSON.stringify(body));
    });
    let text = '';
    response.setEncoding('utf8');
    for await (const chunk of response) text += chunk;
    return { status: response.statusCode, text };
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
