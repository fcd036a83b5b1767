import { once } from 'node:events';
import { flushCompileCache } from 'node:module';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ownDirectory } from '../config/own-file.ts';
import { mistypedVariables } from '../config/variables.ts';
import type { Config } from '../config.ts';
import { loadConfig } from '../config.ts';
import { AppError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import { createLogger } from '../telemetry/logger.ts';
import { standardError, withFiles } from '../telemetry/outputs.ts';

/** A role that serves. Its disposal ends it in order, and leaves the instances running. */
export interface Running extends AsyncDisposable {
  /** Base URL, without a slash at its end. */
  readonly url: string;
}

/** A role that runs until it is told to end. */
export interface Role {
  /** The program's first argument. */
  readonly name: string;
  /** Throws AppError for everything that keeps it from starting; nothing is left behind then. */
  readonly start: (config: Config, log: Logger) => Promise<Running>;
  /** The log is kept in files of the state directory, too: it is a person's own machine. */
  readonly logFiles?: true;
  /** What else there is to say when its configuration keeps it from starting; undefined: nothing. */
  readonly advice?: () => string | undefined;
  /** What people read once it serves; in a container the log alone says it, since nothing but JSON is to be read there. */
  readonly greeting: (url: string) => string;
}

/**
 * Runs a role until SIGTERM or SIGINT: `{name} [--config FILE]`.
 * @returns the exit code: 0 ended as asked, 1 could not start (one message on stderr says why and what to do)
 */
export async function runRole(role: Role, argv: string[]): Promise<number> {
  const ended = new AbortController();
  const end = () => ended.abort();
  // Not `once`: npm passes on the Ctrl-C that the terminal has sent to both, and the second must not cut the end short.
  process.on('SIGTERM', end).on('SIGINT', end);
  try {
    const config = configFrom(role.name, argv);
    const log = openLog(role, config);
    for (const text of mistypedVariables(process.env)) log.warn({}, text);
    await using running = await role.start(config, log);
    if (role.logFiles || process.stdout.isTTY) process.stdout.write(`${role.greeting(running.url)}\n`);
    // What was compiled until now is what the next start needs.
    setImmediate(flushCompileCache);
    if (!ended.signal.aborted) await once(ended.signal, 'abort');
    log.info({}, 'ending');
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const advice = error.code === 'config.invalid' ? role.advice?.() : undefined;
    process.stderr.write(`mcp-session-manager: ${error.message}\n${advice ? `${advice}\n` : ''}`);
    return 1;
  }
  return 0;
}

/** @throws AppError `config.invalid` if the directory for the files cannot be made, or is somebody else's */
function openLog({ logFiles }: Role, { logLevel: level, state }: Config): Logger {
  const first = standardError(process.env, process.stderr.isTTY);
  if (!logFiles) return createLogger({ level, destination: first });
  const directory = join(state, 'logs');
  ownDirectory(state);
  ownDirectory(directory);
  return createLogger({ level, destination: withFiles(first, directory) });
}

function configFrom(role: string, args: string[]): Config {
  try {
    const { values } = parseArgs({ args, options: { config: { type: 'string' } } });
    return loadConfig({ env: process.env, cwd: process.cwd(), uid: process.getuid?.() }, values.config);
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError('config.invalid', `${role} [--config FILE]: ${(error as Error).message}`, { cause: error });
  }
}
