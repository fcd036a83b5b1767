import { AppError, messageOf } from '../core/errors.ts';
import type { ServerName } from '../core/ids.ts';

/** How much of a log says why something failed, lines. */
export const REASON_LINES = 20;

/** The end of an instance's log, for people: of an entry of its host (JSON) only what it says, any other line as it is. */
export const lastWords = (lines: readonly string[]): string => lines.map(wordsIn).join('\n');

function wordsIn(line: string): string {
  try {
    const { message } = JSON.parse(line) as { message?: unknown };
    return typeof message === 'string' ? message : line;
  } catch {
    return line;
  }
}

/** @param said the end of its log; empty: it said nothing */
export const endReason = (why: string, said: string): string => `${why}${said && `; its log ends with:\n${said}`}`;

/** Why a start has failed; `said` as in `endReason`. */
export function startFailure(server: ServerName, cause: unknown, said: string): AppError {
  return new AppError('server.failed', `${server} did not start: ${messageOf(cause)}${said && `\n${said}`}`, {
    ...(said ? { data: { stderr: said } } : {}),
    cause,
  });
}
