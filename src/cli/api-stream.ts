import { createInterface } from 'node:readline';
import { AppError } from '../core/errors.ts';
import type { ApiCall } from './api-request.ts';
import { answered, attempt, parsed, TIMEOUT_MS } from './api-request.ts';

/**
 * Calls the manager once, for an answer of one JSON text per line that may go on for ever; `timeoutMs` is for its beginning.
 * Ends when the answer does; rejects as `callApi` does, with `manager.unreachable` if the answer breaks off.
 * @param opening waits for the beginning of the answer, and may show that it does
 */
export async function* followApi(
  url: string,
  call: ApiCall,
  opening: <T>(work: Promise<T>) => Promise<T>,
): AsyncGenerator<unknown> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(new DOMException('late', 'TimeoutError')), call.timeoutMs ?? TIMEOUT_MS);
  const signal = call.signal ? AbortSignal.any([late.signal, call.signal]) : late.signal;
  const answer = attempt(url, call, () => answered(url, call, signal)).finally(() => clearTimeout(timer));
  const response = await opening(answer);
  const broken = new Promise<never>((_, reject) => response.once('error', reject));
  broken.catch(() => {}); // nobody may be reading when it breaks
  const lines = createInterface({ input: response, crlfDelay: Number.POSITIVE_INFINITY })[Symbol.asyncIterator]();
  try {
    for (;;) {
      const { value, done } = await attempt(url, call, () => Promise.race([lines.next(), broken]));
      if (done) break;
      const json = parsed(value);
      if (json !== undefined) yield json;
    }
    if (!response.complete) throw new AppError('manager.unreachable', `the manager at ${url} broke off its answer`);
  } finally {
    response.destroy();
  }
}
