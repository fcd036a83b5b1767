import type { ClientRequest, IncomingMessage } from 'node:http';
import { request as httpRequest } from 'node:http';
import { AppError } from '../core/errors.ts';
import { errorOf, unreachable } from './api-error.ts';

export interface ApiCall {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Such as `/api/sessions`. */
  readonly path: string;
  /** The owner's credential, a session's token or an administrator's; absent: the call needs none. */
  readonly bearer?: string;
  readonly body?: object;
  /** Milliseconds until the answer must be there. */
  readonly timeoutMs?: number;
  /** Gives the call up: it rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** For calls that do not say. */
export const TIMEOUT_MS = 10_000;

/** Runs `work`; what it rejects with is an error for people, or the reason of the call's own signal. */
export async function attempt<T>(url: string, call: ApiCall, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    call.signal?.throwIfAborted();
    throw error instanceof AppError ? error : unreachable(url, error as NodeJS.ErrnoException);
  }
}

/** The response, once its head is there. Rejects with what it says if it is none of 2xx. */
export async function answered(url: string, call: ApiCall, signal: AbortSignal): Promise<IncomingMessage> {
  const request = url.startsWith('https:') ? (await import('node:https')).request : httpRequest;
  const body = call.body && JSON.stringify(call.body);
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const sent: ClientRequest = request(url + call.path, {
    agent: false,
    method: call.method,
    headers: {
      ...(call.bearer && { authorization: `Bearer ${call.bearer}` }),
      accept: 'application/json, application/x-ndjson',
      ...(body && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
    },
    signal,
  });
  sent.on('error', reject);
  sent.on('response', resolve);
  sent.end(body);
  const response = await promise;
  const status = response.statusCode ?? 0;
  if (status >= 200 && status < 300) return response;
  const retryAfter = Number(response.headers['retry-after']);
  throw errorOf(url, { status, json: parsed(await textOf(response)), ...(retryAfter > 0 && { retryAfter }) });
}

/** The whole body. */
export async function textOf(response: IncomingMessage): Promise<string> {
  let text = '';
  response.setEncoding('utf8');
  for await (const chunk of response) text += chunk;
  return text;
}

/** Undefined: it is no JSON. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
