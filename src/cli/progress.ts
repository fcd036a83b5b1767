import type { CliIo } from './io.ts';
import { isScreen, isTerminal } from './screen.ts';

/** What is said while nothing is done but to wait for an answer. */
export const ASKING = 'asking the manager';

/** What takes less time needs no sign of life. */
const SHOW_AFTER_MS = 500;
const FRAME_MS = 120;
const ERASE = '\r\x1b[K';

/**
 * Waits for `work`; while that takes, a person at a terminal sees that it goes on and for how long: a line of stderr that is
 * written over and erased at the end, or one line for a terminal that only prints.
 * @param what such as `starting servers`
 */
export async function withProgress<T>(io: CliIo, what: string, work: Promise<T>): Promise<T> {
  if (!isTerminal(io.stderr)) return work;
  const done = new AbortController();
  const shown = show(io, what, done.signal);
  try {
    return await work;
  } finally {
    done.abort();
    await shown;
  }
}

async function show({ stderr, clock, env }: CliIo, what: string, done: AbortSignal): Promise<void> {
  const begun = clock.now();
  const frames = /utf-?8/i.test(env.LC_ALL || env.LC_CTYPE || env.LANG || '') ? [...'⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏'] : [...'|/-\\'];
  try {
    await clock.sleep(SHOW_AFTER_MS, done);
    if (!isScreen(stderr, env)) {
      stderr.write(`${what} ...\n`);
      return;
    }
    for (let i = 0; !done.aborted; i += 1) {
      stderr.write(`${ERASE}${frames[i % frames.length]} ${what} (${Math.floor((clock.now() - begun) / 1000)}s)`);
      await clock.sleep(FRAME_MS, done);
    }
  } catch {
    if (isScreen(stderr, env) && clock.now() - begun >= SHOW_AFTER_MS) stderr.write(ERASE);
  }
}
