import type { LogLine } from '../core/api.ts';
import { AppError, messageOf } from '../core/errors.ts';
import { backoffDelay } from '../core/retry.ts';
import { followApi } from './api-stream.ts';
import { checkedServer } from './checked-name.ts';
import { EXIT, exitCodeOf } from './exit-codes.ts';
import type { CliIo } from './io.ts';
import { jsonLine } from './json-output.ts';
import { managerUrl } from './manager-address.ts';
import { ASKING, withProgress } from './progress.ts';
import { type Paint, paintFor, untilUnread } from './screen.ts';
import { type ChosenSession, chosenSession } from './session-choice.ts';
import { oneLine, printable } from './text.ts';
import { timeOf } from './time.ts';

const BACKOFF = { baseMs: 500, maxMs: 5000 };

export interface LogsOptions {
  readonly follow?: boolean;
  /** A time, or how long ago. */
  readonly since?: string;
  /** A number of lines. */
  readonly tail?: string;
  /** Absent: this terminal's. */
  readonly session?: string;
  readonly json?: boolean;
}

/** What is asked for, again if it has to be. */
interface Query {
  readonly server?: string;
  readonly since?: number;
  readonly tail?: number;
  readonly follow?: boolean;
}

/**
 * Writes what a session's servers wrote to stderr, and what their hosts say of them. With `follow` it goes on, through
 * restarts of the manager too, until it is interrupted, nobody reads any more, or the session is over.
 */
export async function logs(io: CliIo, server: string | undefined, options: LogsOptions): Promise<number> {
  const query: Query = {
    ...(server !== undefined && { server: checkedServer(server) }),
    ...(options.since !== undefined && { since: timeOf(options.since, io.clock.now()) }),
    ...(options.tail !== undefined && { tail: lineCount(options.tail) }),
    ...(options.follow && { follow: true }),
  };
  const session = await chosenSession(io, options.session);
  const paint = paintFor(io.stdout, io.env);
  const show = (line: LogLine) => io.stdout.write(options.json ? jsonLine('log', line) : rendered(line, paint));
  const unread = untilUnread(io.stdout);
  try {
    for await (const line of options.follow
      ? followed(io, options.session, session, query, unread)
      : asked(io, session, query, unread)) {
      show(line);
    }
  } catch (error) {
    if (!unread.aborted) throw error;
  }
  return 0;
}

async function* asked(
  io: CliIo,
  { id, bearer }: ChosenSession,
  query: Query,
  signal: AbortSignal,
): AsyncGenerator<LogLine> {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) parameters.set(name, String(value));
  const path = `/api/sessions/${id}/logs?${parameters}`;
  const call = { method: 'GET', path, bearer, signal } as const;
  const lines = followApi(managerUrl(io.env), call, (opening) => withProgress(io, ASKING, opening));
  yield* lines as AsyncGenerator<LogLine>;
}

/** Comes back after a break to the time of the last line, and leaves out what it has had of that time. */
async function* followed(
  io: CliIo,
  chosen: string | undefined,
  first: ChosenSession,
  asFirst: Query,
  signal: AbortSignal,
): AsyncGenerator<LogLine> {
  let session = first;
  let query = asFirst;
  let last: LogLine['time'] | undefined;
  let had = new Set<string>();
  let failures = 0;
  for (;;) {
    try {
      // What opens it may have run out meanwhile; a terminal's token does not.
      if (failures > 0 && chosen !== undefined) session = await chosenSession(io, chosen);
      for await (const line of asked(io, session, query, signal)) {
        failures = 0;
        const key = JSON.stringify(line);
        if (line.time === last && had.has(key)) continue;
        if (line.time !== last) had = new Set();
        last = line.time;
        had.add(key);
        yield line;
      }
    } catch (error) {
      if (!(error instanceof AppError) || exitCodeOf(error) !== EXIT.unreachable) throw error;
      if (failures === 0) io.stderr.write(`mcp-session-manager: ${oneLine(messageOf(error))}; trying again\n`);
    }
    failures += 1;
    await io.clock.sleep(backoffDelay(BACKOFF, failures, io.random()), signal);
    if (last !== undefined) {
      const { tail: _, ...rest } = query;
      query = { ...rest, since: new Date(last).getTime() };
    }
  }
}

function rendered({ time, server, stream, level, text }: LogLine, paint: Paint): string {
  const style = level === 'error' ? 'red' : level === 'warn' ? 'yellow' : undefined;
  const words = printable(text).trimEnd();
  const from = `${oneLine(server)}${stream === 'host' ? ` ${oneLine(level ?? 'info')}` : ''}`;
  return `${paint('dim', new Date(time).toISOString())} ${paint('bold', from)} ${style ? paint(style, words) : words}\n`;
}

function lineCount(text: string): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(count)) return count;
  throw new AppError('request.invalid', `--tail is "${text}": it must be a number of lines`);
}
