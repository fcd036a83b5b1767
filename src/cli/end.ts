import { AppError } from '../core/errors.ts';
import { callApi } from './api-client.ts';
import { checkedSession } from './checked-name.ts';
import { exitCodeOf } from './exit-codes.ts';
import type { CliIo } from './io.ts';
import { managerUrl } from './manager-address.ts';
import { ownCredential } from './own-credential.ts';
import { withProgress } from './progress.ts';
import { requireSession } from './session-access.ts';

export interface EndOptions {
  /** Absent: this terminal's. */
  readonly session?: string;
  readonly quiet?: boolean;
}

/** Stopping a server may take its grace period. */
const TIMEOUT_MS = 30_000;

/** Ends a session. One that is over already is as good as ended. With `quiet` nothing is written; the exit code tells. */
export async function end(io: CliIo, options: EndOptions): Promise<number> {
  try {
    const { id, bearer } = await target(io, options.session);
    const removal = remove(managerUrl(io.env), id, bearer);
    const ended = await (options.quiet ? removal : withProgress(io, 'ending the session', removal));
    if (!options.quiet) io.stdout.write(`session ${id} ${ended ? 'ended' : 'was over already'}\n`);
    return 0;
  } catch (error) {
    if (options.quiet && error instanceof AppError) return exitCodeOf(error);
    throw error;
  }
}

async function target(io: CliIo, id: string | undefined): Promise<{ id: string; bearer: string }> {
  if (id === undefined) {
    const { session, bearer } = await requireSession(io);
    return { id: session.id, bearer };
  }
  return { id: checkedSession(id), bearer: await ownCredential(io) };
}

/** @returns false if there was nothing to end */
export async function remove(url: string, id: string, bearer: string): Promise<boolean> {
  try {
    await callApi(url, { method: 'DELETE', path: `/api/sessions/${id}`, bearer, timeoutMs: TIMEOUT_MS });
    return true;
  } catch (error) {
    if (error instanceof AppError && error.code === 'session.over') return false;
    throw error;
  }
}
