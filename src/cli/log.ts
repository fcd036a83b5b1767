import { callApi } from './api-client.ts';
import { checkedServer } from './checked-name.ts';
import type { CliIo } from './io.ts';
import { managerUrl } from './manager-address.ts';
import { ASKING, withProgress } from './progress.ts';
import { chosenSession } from './session-choice.ts';
import { durationOf } from './time.ts';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
/** Levels that a person or a script may write with. */
export const ENTRY_LEVELS = ['info', 'warn', 'error'] as const;

/** Writes an entry into the log of a server of the session: what a script has to say of it. */
export async function log(
  io: CliIo,
  level: (typeof ENTRY_LEVELS)[number],
  server: string,
  words: readonly string[],
  options: { readonly session?: string },
): Promise<number> {
  const body = { level, server: checkedServer(server), text: words.join(' ') };
  const { id, bearer } = await chosenSession(io, options.session);
  const call = { method: 'POST', path: `/api/sessions/${id}/log`, bearer, body } as const;
  await withProgress(io, ASKING, callApi(managerUrl(io.env), call));
  return 0;
}

/** Sets how much is logged of one session, for a while. */
export async function logLevel(
  io: CliIo,
  level: (typeof LOG_LEVELS)[number],
  options: { readonly session?: string; readonly for: string },
): Promise<number> {
  const seconds = Math.ceil(durationOf(options.for) / 1000);
  const { id, bearer } = await chosenSession(io, options.session);
  const body = { level, for_seconds: seconds };
  const call = { method: 'PUT', path: `/api/sessions/${id}/log-level`, bearer, body } as const;
  await withProgress(io, ASKING, callApi(managerUrl(io.env), call));
  io.stdout.write(`session ${id}: ${level} for ${options.for}\n`);
  return 0;
}
