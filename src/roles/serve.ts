import { startManager } from './manager.ts';
import { runRole } from './run.ts';

/**
 * The role `serve`: gateway and controller in one process, until SIGTERM or SIGINT. What it started goes on running, for
 * the next one to take over.
 * @param main path of the program's main file, by which hosts are started
 * @returns the exit code
 */
export function serve(argv: string[], main: string): Promise<number> {
  const greeting = (url: string) => `mcp-session-manager is ready: ${url} (Ctrl-C ends it; sessions go on)`;
  return runRole({ name: 'serve', start: (config, log) => startManager(config, main, log), greeting }, argv);
}
