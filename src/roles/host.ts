import { rmSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { parseArgs } from 'node:util';
import { systemClock } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import { parseLabels } from '../core/pid-file.ts';
import { Host } from '../host/host.ts';
import { claimPidFile } from '../os/pid-file.ts';
import { openProcessTable } from '../os/process-table.ts';
import { createLogger } from '../telemetry/logger.ts';
import { RotatingFile } from '../telemetry/rotating-file.ts';

/** Long enough for the server's code to be compiled, so that the next host finds all of it in the cache. */
const CACHE_AFTER_MS = 3000;

/**
 * The role `host`: the program inside an instance.
 *
 *     host --socket PATH --config-dir DIR --labels JSON [--pid-file PATH] [--log PATH]
 *
 * Claims the pid file before anything else: from then on whoever looks for this instance finds it.
 */
export async function host(argv: string[]): Promise<void> {
  const { values } = parseArgs({
    args: argv,
    options: {
      socket: { type: 'string' },
      'config-dir': { type: 'string' },
      labels: { type: 'string' },
      'pid-file': { type: 'string' },
      log: { type: 'string' },
    },
  });
  const { socket, 'config-dir': configDir, labels: json, 'pid-file': pidFile, log: logFile } = values;
  if (!socket || !configDir || !json) throw new Error('host needs --socket, --config-dir and --labels');
  const labels = parseLabels(json);
  if (!labels) throw new Error('--labels is not what a runtime writes');
  if (pidFile) claimPidFile(pidFile, labels, openProcessTable());
  const destination = logFile ? { destination: new RotatingFile(logFile) } : {};
  const log = createLogger({ level: 'info', ...destination }).child({ session: labels.session, server: labels.server });

  let over = false;
  const end = (reason: string): void => {
    if (over) return;
    over = true;
    log.info({}, `host ends: ${reason}`);
    void running.close().finally(() => {
      for (const path of [socket, pidFile]) if (path) rmSync(path, { force: true });
      process.exit(0);
    });
  };
  const running = new Host({ configDir, log, clock: systemClock, onOver: end });
  process.on('SIGTERM', () => end('it was asked to'));
  process.on('SIGHUP', () => {}); // a terminal's end is not the session's
  process.on('SIGINT', () => {}); // nor is Ctrl-C in it
  process.on('uncaughtException', (error) => {
    log.error({ err: error }, `host fails: ${messageOf(error)}`);
    process.exit(1);
  });
  rmSync(socket, { force: true }); // of a host that was killed; the pid file is ours, so nobody listens on it
  await running.listen(socket);
  setTimeout(() => flushCompileCache(), CACHE_AFTER_MS).unref();
}
