import { once } from 'node:events';
import { flushCompileCache } from 'node:module';
import { parseArgs } from 'node:util';
import type { Config } from '../config.ts';
import { loadConfig } from '../config.ts';
import { AppError } from '../core/errors.ts';
import { createLogger } from '../telemetry/logger.ts';
import { startManager } from './manager.ts';

/**
 * The role `serve`: gateway and controller in one process, until SIGTERM or SIGINT. What it started goes on running, for
 * the next one to take over.
 *
 *     serve [--config FILE]
 *
 * @param main path of the program's main file, by which hosts are started
 * @returns the exit code: 0 ended as asked, 1 could not start (one message on stderr says why and what to do)
 */
export async function serve(argv: string[], main: string): Promise<number> {
  const ended = new AbortController();
  const end = () => ended.abort();
  // Not `once`: npm passes on the Ctrl-C that the terminal has sent to both, and the second must not cut the end short.
  process.on('SIGTERM', end).on('SIGINT', end);
  try {
    const config = configFrom(argv);
    const log = createLogger({ level: config.logLevel });
    await using manager = await startManager(config, main, log);
    process.stdout.write(`mcp-session-manager is ready: ${manager.url} (Ctrl-C ends it; sessions go on)\n`);
    // What was compiled until now is what the next start needs.
    setImmediate(flushCompileCache);
    if (!ended.signal.aborted) await once(ended.signal, 'abort');
    log.info({}, 'ending');
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    process.stderr.write(`mcp-session-manager: ${error.message}\n`);
    return 1;
  }
  return 0;
}

function configFrom(args: string[]): Config {
  try {
    const { values } = parseArgs({ args, options: { config: { type: 'string' } } });
    return loadConfig({ env: process.env, cwd: process.cwd(), uid: process.getuid?.() }, values.config);
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError('config.invalid', `serve [--config FILE]: ${(error as Error).message}`, { cause: error });
  }
}
