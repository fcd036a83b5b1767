import type { Config } from '../config.ts';
import type { Logger } from '../core/logger.ts';
import { startManager } from './manager.ts';
import { runRole } from './run.ts';
import { wayBack } from './way-back.ts';

/**
 * The role `serve`: gateway and controller in one process, until SIGTERM or SIGINT. What it started goes on running, for
 * the next one to take over.
 * @param main path of the program's main file, by which hosts are started
 * @returns the exit code
 */
export function serve(argv: string[], main: string): Promise<number> {
  const greeting = (url: string) => `mcp-session-manager is ready: ${url} (Ctrl-C ends it; sessions go on)`;
  const start = (config: Config, log: Logger) => startManager(config, main, log);
  const advice = () => wayBack(main);
  return runRole({ name: 'serve', start, greeting, logFiles: true, advice }, argv);
}
