import { chmodSync, readFileSync, rmSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { flushCompileCache } from 'node:module';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import { parseLabels } from '../core/pid-file.ts';
import type { InstanceLabels, ResourceUsage } from '../core/runtime.ts';
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

/** The arguments, paths all of them but `labels`, `port` and `socket-mode`. */
const OPTIONS = {
  socket: { type: 'string' },
  port: { type: 'string' },
  'link-key': { type: 'string' },
  'config-dir': { type: 'string' },
  labels: { type: 'string' },
  'pid-file': { type: 'string' },
  log: { type: 'string' },
  'socket-mode': { type: 'string' },
  ledger: { type: 'string' },
  audit: { type: 'string' },
} as const;

/**
 * The role `host`: the program inside an instance.
 *
 *     host (--socket PATH [--socket-mode OCTAL] | --port PORT --link-key FILE) --config-dir DIR --labels JSON
 *          [--pid-file PATH] [--log PATH] [--ledger PATH] [--audit PATH]
 *
 * On a port it speaks with those alone who have the key, 32 bytes (core/link-tls.ts). Claims the pid file before anything
 * else: from then on whoever looks for this instance finds it.
 * @param main path of the program's main file: the servers that come with it lie beside it
 */
export async function host(argv: string[], main: string): Promise<void> {
  const { values } = parseArgs({ args: argv, options: OPTIONS });
  const { socket, 'config-dir': configDir, labels: json, 'pid-file': pidFile, log: logFile } = values;
  const place = await placeOf(values);
  if (!configDir || !json) throw new Error('host needs --config-dir and --labels');
  const labels = parseLabels(json);
  if (!labels) throw new Error('--labels is not what a runtime writes');
  if (pidFile) claimPidFile(pidFile, labels, openProcessTable());
  const ending = Promise.withResolvers<void>();
  const log = openLog(labels, logFile, ending.promise);
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
    server: place.server,
    egressSocket: process.env.MCP_EGRESS_SOCKET,
    usage: usageOf(pidFile !== undefined),
    // The group of a process is that of whoever started it, and so are its dead.
    oomKills: pidFile === undefined ? () => cgroupOomKills() : () => undefined,
  });
  heed(end, (error) => {
    log.error({ err: error }, `host fails: ${messageOf(error)}`);
    ending.resolve();
    void log.flush().finally(() => process.exit(1));
  });
  if (socket) rmSync(socket, { force: true }); // of a host that was killed; the pid file is ours, so nobody listens on it
  await running.listen(place.at);
  const { 'socket-mode': mode } = values;
  if (socket && mode) chmodSync(socket, Number.parseInt(mode, 8));
  setTimeout(() => flushCompileCache(), CACHE_AFTER_MS).unref();
}

/** The instance's own log. @param ending resolves when there will be no other moment to write it */
function openLog({ session, server }: InstanceLabels, file: string | undefined, ending: Promise<void>): DeferredLogger {
  return new DeferredLogger(async () => {
    // Many servers greet on stderr: to load the library just then would hold up the first answer.
    await Promise.race([systemClock.sleep(LOG_AFTER_MS), ending]);
    const { createLogger } = await import('../telemetry/logger.ts');
    const destination = file ? { destination: new RotatingFile(file) } : {};
    // What is left out is decided before (host/server-log.ts).
    return createLogger({ level: 'debug', ...destination }).child({ session, server });
  });
}

/** What a host is told by its process, and what of that it does not hear. */
function heed(end: (reason: string) => void, fail: (error: Error) => void): void {
  process.on('SIGTERM', () => end('it was asked to'));
  process.on('SIGHUP', () => {}); // a terminal's end is not the session's
  process.on('SIGINT', () => {}); // nor is Ctrl-C in it
  process.on('uncaughtException', fail);
}

/** Where it listens, and with what. */
async function placeOf(given: { readonly socket?: string; readonly port?: string; readonly 'link-key'?: string }) {
  const { socket, port, 'link-key': file } = given;
  if (socket) return { at: socket, server: undefined };
  if (!port || !file) throw new Error('host needs --socket, or --port and --link-key');
  const key = readFileSync(file);
  const { tlsServer } = await import('../host/tls-server.ts');
  return { at: Number(port), server: (listener: RequestListener) => tlsServer(key, listener) };
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
