import { once } from 'node:events';
import { resolve } from 'node:path';
import type { Writable } from 'node:stream';
import { AppError } from '../core/errors.ts';
import { Bridge } from './bridge/bridge.ts';
import { linesOf } from './bridge/lines.ts';
import { McpHttp } from './bridge/mcp-http.ts';
import { checkedServer } from './checked-name.ts';
import type { CliIo } from './io.ts';
import { managerUrl } from './manager-address.ts';
import { tokenForTerminal } from './session-access.ts';
import { oneLine } from './text.ts';

const TIMEOUT_MS = 60_000;
/** What ends it; the last one comes when the terminal is closed. */
const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

export interface ConnectOptions {
  readonly workspace?: string;
}

/**
 * Bridges a client that speaks stdio to this terminal's session, until stdin ends, stdout breaks, or a signal.
 * `$HTTP_TIMEOUT`: milliseconds that a request may go without a sign of life of the manager before it is answered with an
 * error; a call that runs for longer is alive. `$KEEP_ALIVE`: `true`, TCP connections are kept for the next requests;
 * `false`, each request has one of its own. Throws `config.invalid` for other values.
 */
export async function connect(io: CliIo, server: string | undefined, options: ConnectOptions): Promise<number> {
  const path = server === undefined ? '/mcp' : `/mcp/${checkedServer(server)}`;
  const source = { ...io, cwd: resolve(io.cwd, options.workspace ?? '') };
  const timeoutMs = timeoutOf(io.env);
  const bridge = new Bridge({
    http: new McpHttp({ url: () => managerUrl(io.env) + path, timeoutMs, keepAlive: keepAliveOf(io.env) }),
    token: (signal?: AbortSignal) => tokenForTerminal(source, signal),
    clock: io.clock,
    random: io.random,
    timeoutMs,
    write: (text, signal) => write(io.stdout, `${text}\n`, signal),
    warn: (text) => void io.stderr.write(`mcp-session-manager: ${oneLine(text)}\n`),
  });
  await run(io, bridge);
  return 0;
}

async function run(io: CliIo, bridge: Bridge): Promise<void> {
  const stop = new AbortController();
  const onStop = () => {
    stop.abort();
    io.stdin.destroy();
  };
  for (const signal of SIGNALS) process.on(signal, onStop);
  io.stdout.on('error', onStop);
  try {
    for await (const line of linesOf(io.stdin)) bridge.accept(line);
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  } finally {
    await bridge.close(stop.signal);
    for (const signal of SIGNALS) process.off(signal, onStop);
    io.stdout.off('error', onStop);
  }
}

/** Waits while the client does not read, so that what a server sends is not piled up here. */
async function write(stdout: Writable, text: string, signal: AbortSignal): Promise<void> {
  if (!stdout.write(text) && !signal.aborted) await once(stdout, 'drain', { signal });
}

function timeoutOf({ HTTP_TIMEOUT: text }: NodeJS.ProcessEnv): number {
  if (!text) return TIMEOUT_MS;
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0 && value < 2 ** 31) return value;
  throw new AppError(
    'config.invalid',
    `HTTP_TIMEOUT is "${text}": it must be a whole number of milliseconds, at least 1 and below 2^31, such as 60000`,
  );
}

function keepAliveOf({ KEEP_ALIVE: text }: NodeJS.ProcessEnv): boolean {
  if (!text || text === 'true') return true;
  if (text === 'false') return false;
  throw new AppError('config.invalid', `KEEP_ALIVE is "${text}": it must be true or false`);
}
