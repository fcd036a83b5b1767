import type { ApiCall } from './api-request.ts';
import { answered, attempt, parsed, TIMEOUT_MS, textOf } from './api-request.ts';

/**
 * Calls the manager (core/api.ts) once. Plain `node:http`, because `headers` and `end` must start fast.
 * Rejects with the error that the manager answered, or with `manager.unreachable`.
 * @returns the answer's JSON; undefined if it has none
 */
export async function callApi(url: string, call: ApiCall): Promise<unknown> {
  const late = AbortSignal.timeout(call.timeoutMs ?? TIMEOUT_MS);
  const signal = call.signal ? AbortSignal.any([late, call.signal]) : late;
  return attempt(url, call, async () => {
    const response = await answered(url, call, signal);
    return parsed(await textOf(response));
  });
}
