import type { ErrorCode } from '../core/errors.ts';
import { AppError } from '../core/errors.ts';

/** What the program ends with (docs/command-line.md, "Exit codes"). */
export const EXIT = {
  done: 0,
  /** Not done, or done and something is not well. */
  failed: 1,
  /** The command itself is wrong: nothing was tried. */
  usage: 2,
  /** The manager, or what it depends on, does not answer: trying again later makes sense. */
  unreachable: 3,
  /** No credential, or one that may not do this. */
  refused: 4,
  /** The session, server or account is not there. */
  absent: 5,
} as const;

const CODES: Readonly<Partial<Record<ErrorCode, number>>> = {
  'request.invalid': EXIT.usage,
  'manager.unreachable': EXIT.unreachable,
  'store.unavailable': EXIT.unreachable,
  'runtime.unavailable': EXIT.unreachable,
  'lease.held': EXIT.unreachable,
  'auth.missing': EXIT.refused,
  'auth.invalid': EXIT.refused,
  'auth.forbidden': EXIT.refused,
  'origin.forbidden': EXIT.refused,
  'workspace.refused': EXIT.refused,
  'session.over': EXIT.absent,
  'server.unknown': EXIT.absent,
  'not-found': EXIT.absent,
};

/** The exit code for a command that was rejected with `error`. */
export function exitCodeOf(error: unknown): number {
  return (error instanceof AppError && CODES[error.code]) || EXIT.failed;
}
