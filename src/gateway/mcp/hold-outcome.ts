import { AppError, type ErrorCode } from '../../core/errors.ts';
import type { HoldOutcome } from '../../core/meter.ts';

/** What a request is told that has waited as long as it may. */
const TIMED_OUT: ReadonlySet<ErrorCode> = new Set(['server.busy', 'store.unavailable']);

/** How a wait ended that ended with an error. */
export function holdOutcome(error: unknown): HoldOutcome {
  return error instanceof AppError && TIMED_OUT.has(error.code) ? 'timed_out' : 'failed';
}
