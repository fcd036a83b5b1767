import { chmodSync, rmSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import { parseLabels } from '../core/pid-file.ts';
import type { ResourceUsage } from '../core/runtime.ts';
import { openAuditFile } from '../host/audit-file.ts';
import { Host } from '../host/host.ts';
import { openLedgerFile } from '../host/ledger-file.ts';
import { cgroupOomKills, cgroupUsage } from '../os/cgroup.ts';
import { openProcessTable } from '../os/open-process-table.ts';
import { claimPidFile } from '../os/pid-file.ts';
import { DeferredLogger } from '../telemetry/deferred-logger.ts';
import { RotatingFile } from '../telemetry/rotating-file.ts';

/** The first entry of the log is written then, with those that came behind it, milliseconds. */
const LOG_AFTER_MS = 1000;
/** Long enough for the server's code to be compiled, so that the next host finds all of it in the cache. */
const CACHE_AFTER_MS = 3000;

/**
 * The role `host`: the program inside an instance.
 *
 *     host --socket PATH --config-dir DIR --labels JSON [--pid-file PATH] [--log PATH] [--socket-mode OCTAL]
 *          [--ledger PATH] [--audit PATH]
 *
 * Claims the pid file before anything else: from then on whoever looks for this instance finds it.
 * @param main path of the program's main file: the servers that come with it lie beside it
 */
export async function host(argv: string[], main: string): Promise<void> {
  const { values } = parseArgs({
    args: argv,
    options: {
      socket: { type: 'string' },
      'config-dir': { type: 'string' },
      labels: { type: 'string' },
      'pid-file': { type: 'string' },
      log: { type: 'string' },
      'socket-mode': { type: 'string' },
      ledger: { type: 'string' },
      audit: { type: 'string' },
    },
  });
  const { socket, 'config-dir': configDir, labels: json, 'pid-file': pidFile, log: logFile } = values;
  if (!socket || !configDir || !json) throw new Error('host needs --socket, --config-dir and --labels');
  const labels = parseLabels(json);
  if (!labels) throw new Error('--labels is not what a runtime writes');
  if (pidFile) claimPidFile(pidFile, labels, openProcessTable());
  const ending = Promise.withResolvers<void>();
  const log = new DeferredLogger(async () => {
    // Many servers greet on stderr: to load the library just then would hold up the first answer.
    await Promise.race([systemClock.sleep(LOG_AFTER_MS), ending.promise]);
    const { createLogger } = await import('../telemetry/logger.ts');
    const destination = logFile ? { destination: new RotatingFile(logFile) } : {};
    // What is left out is decided before (host/server-log.ts).
    return createLogger({ level: 'debug', ...destination }).child({ session: labels.session, server: labels.server });
  });

  // Before it listens: from then on the directory may be closed to it.
  const kept = openKept(values, log);

  let over = false;
  const end = (reason: string): void => {
    if (over) return;
    over = true;
    ending.resolve();
    log.info({}, `host ends: ${reason}`);
    void Promise.allSettled([running.close(), log.flush()]).finally(() => {
      for (const path of [socket, pidFile]) if (path) removeIfAllowed(path);
      process.exit(0);
    });
  };
  const running = new Host({
    configDir,
    dist: dirname(main),
    log,
    clock: systemClock,
    onOver: end,
    ...kept,
    egressSocket: process.env.MCP_EGRESS_SOCKET,
    usage: usageOf(pidFile !== undefined),
    // The group of a process is that of whoever started it, and so are its dead.
    oomKills: pidFile === undefined ? () => cgroupOomKills() : () => undefined,
  });
  process.on('SIGTERM', () => end('it was asked to'));
  process.on('SIGHUP', () => {}); // a terminal's end is not the session's
  process.on('SIGINT', () => {}); // nor is Ctrl-C in it
  process.on('uncaughtException', (error) => {
    log.error({ err: error }, `host fails: ${messageOf(error)}`);
    ending.resolve();
    void log.flush().finally(() => process.exit(1));
  });
  rmSync(socket, { force: true }); // of a host that was killed; the pid file is ours, so nobody listens on it
  await running.listen(socket);
  const { 'socket-mode': mode } = values;
  if (mode) chmodSync(socket, Number.parseInt(mode, 8));
  setTimeout(() => flushCompileCache(), CACHE_AFTER_MS).unref();
}

/** Opens what is kept for the next host in this one's place. */
function openKept(paths: { readonly ledger?: string; readonly audit?: string }, log: Pick<Logger, 'warn'>) {
  const ledger = paths.ledger ? openLedgerFile(paths.ledger) : undefined;
  if (paths.ledger && !ledger) log.warn({}, 'there can be no ledger of calls');
  const audit = paths.audit ? openAuditFile(paths.audit, systemClock) : undefined;
  if (paths.audit && !audit) log.warn({}, 'there can be no audit record');
  return { ledger, audit };
}

/**
 * How the instance says what it uses. A container has a control group of its own; a process shares that of whoever
 * started it, and is known by its pid file.
 */
function usageOf(isProcess: boolean): () => ResourceUsage | undefined {
  const table = openProcessTable();
  const ofTree = () => table.usage([process.pid, ...table.descendants(process.pid)]);
  return isProcess ? ofTree : () => cgroupUsage() ?? ofTree();
}

/** In a container the socket's directory is closed by then; whoever clears the container away removes it. */
function removeIfAllowed(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // not allowed
  }
}
