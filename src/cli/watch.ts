import { AppError, messageOf } from '../core/errors.ts';
import { EXIT, exitCodeOf } from './exit-codes.ts';
import type { CliIo } from './io.ts';
import { isScreen, untilUnread } from './screen.ts';
import { printable } from './text.ts';

const EVERY_MS = 2000;
/** To the upper left corner; and from there, away with the rest of what was there before (ECMA-48, CUP and ED). */
const HOME = '\x1b[H';
const CLEAR_REST = '\x1b[J';
const CLEAR_LINE = '\x1b[K';

/**
 * Writes what `look` answers again and again: on a screen in place, elsewhere one after the other. A manager that is away is
 * waited for. Ends when nobody reads any more, or with the error of `look` when waiting makes no sense.
 * @param lines one answer is one line of JSON: nothing is written over
 */
export async function watch(io: CliIo, look: () => Promise<string>, lines: boolean): Promise<number> {
  const unread = untilUnread(io.stdout);
  const screen = !lines && isScreen(io.stdout, io.env);
  if (screen) io.stdout.write(HOME + CLEAR_REST);
  while (!unread.aborted) {
    const seen = await look().catch((error: unknown) => {
      if (!(error instanceof AppError) || !isPassing(error)) throw error;
      return lines ? '' : `${printable(messageOf(error))}\n`;
    });
    if (screen) io.stdout.write(HOME + seen.replaceAll('\n', `${CLEAR_LINE}\n`) + CLEAR_REST);
    else io.stdout.write(lines ? seen : `${seen}\n`);
    await io.clock.sleep(EVERY_MS, unread).catch(() => {});
  }
  return 0;
}

/** What is away comes back; what is over or not allowed stays so. */
const isPassing = (error: AppError): boolean => exitCodeOf(error) === EXIT.unreachable;
