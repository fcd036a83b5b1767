import type { ErrorCode } from '../core/errors.ts';
import { AppError, ERRORS } from '../core/errors.ts';

/** An answer of the manager that is none of 2xx. */
export interface Refusal {
  readonly status: number;
  /** Its body; undefined if that is no JSON. */
  readonly json: unknown;
  /** Seconds. */
  readonly retryAfter?: number;
}

/** For codes of a manager that is newer than this program. */
const CODE_BY_STATUS: Readonly<Record<number, ErrorCode>> = {
  400: 'request.invalid',
  401: 'auth.invalid',
  403: 'auth.forbidden',
  404: 'not-found',
  503: 'store.unavailable',
};

export const isLate = ({ name }: Error): boolean => name === 'TimeoutError' || name === 'AbortError';

/** What it means that nothing came back, or not in time. */
export function silenceOf(url: string, error: NodeJS.ErrnoException): string {
  if (isLate(error)) return `the manager at ${url} did not answer in time`;
  return `the manager is not running: nothing answers at ${url} (${error.code ?? error.message})`;
}

/** Nothing came back, or not in time. */
export function unreachable(url: string, error: NodeJS.ErrnoException): AppError {
  const remedy = isLate(error)
    ? ": look at its log; if it hangs, end it ('kill -9'), and start it again with 'npm start' in the project's folder"
    : ". Start it with 'npm start' in the project's folder";
  return new AppError('manager.unreachable', `${silenceOf(url, error)}${remedy}`, { cause: error });
}

/** The error that the manager answered: an `ApiError`, or one of the admin API with its text alone. */
export function errorOf(url: string, { status, json, retryAfter }: Refusal): AppError {
  const error = (json as { error?: unknown } | undefined)?.error;
  const { code, message, data } = typeof error === 'string' ? { message: error } : ((error ?? {}) as Partial<AppError>);
  if (typeof message !== 'string') {
    return new AppError(
      'internal',
      `${url} answered ${status} and does not speak the session API: is another program there? ` +
        'Set MCP_SESSION_MANAGER_URL to the address of the manager',
    );
  }
  const known = code !== undefined && Object.hasOwn(ERRORS, code) ? code : undefined;
  return new AppError(known ?? CODE_BY_STATUS[status] ?? 'internal', message, {
    ...(retryAfter !== undefined && { retryAfter }),
    ...(data && { data }),
  });
}
