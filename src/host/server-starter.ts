import { realpath, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { AuditLog } from '../core/audit-log.ts';
import type { HostAssignment } from '../core/channel.ts';
import { AppError, appErrorOf, messageOf } from '../core/errors.ts';
import type { OpenServer, ServerContext } from '../core/server-module.ts';
import type { EgressAccess } from './egress-access.ts';
import { startModuleServer } from './module-server.ts';
import type { StartServer } from './server-handle.ts';
import type { ServerLog } from './server-log.ts';
import type { StderrTail } from './stderr-tail.ts';
import { startStdioServer } from './stdio-server.ts';

/** Time between the steps of ending a child process: stdin closed, SIGTERM, SIGKILL. */
const GRACE_MS = 1000;

export interface StarterOptions {
  readonly configDir: string;
  /** Directory of the built program, in this instance. */
  readonly dist: string;
  readonly log: ServerLog;
  readonly stderr: StderrTail;
  readonly egress: EgressAccess;
  /** For a module to write down what it changes; undefined: there is no such place. */
  readonly audit?: AuditLog | undefined;
  /** How many processes of the instance were killed for want of memory; undefined where it cannot be said. */
  readonly oomKills?: () => number | undefined;
  /** Told of the certificates that a module is shown. */
  readonly sawCertificate?: ServerContext['sawCertificate'];
}

/**
 * Puts the session's configuration files where they are not yet, and makes the function that starts its server.
 * @throws AppError `config.invalid` if the server refuses its configuration
 */
export async function serverStarter(assignment: HostAssignment, options: StarterOptions): Promise<StartServer> {
  const { configDir, dist, log, stderr, egress, audit, sawCertificate, oomKills = () => undefined } = options;
  const fill = filling({ configDir, dist, node: process.execPath });
  for (const [name, content] of Object.entries(assignment.files))
    await addFile(join(configDir, basename(name)), content);
  const { launch, workspace, variables } = assignment;
  if (launch.kind === 'module') {
    const { openServer } = (await import(fill(launch.module))) as { openServer?: OpenServer };
    if (!openServer) throw new AppError('config.invalid', `${basename(launch.module)} does not export "openServer"`);
    const more = {
      ...(egress.connect && { connect: egress.connect }),
      ...(audit && { audit }),
      ...(sawCertificate && { sawCertificate }),
    };
    const connect = await openServer({ configDir, workspace, variables, log, ...more }).catch((cause: unknown) => {
      throw appErrorOf(cause) ?? new AppError('server.failed', messageOf(cause), { cause });
    });
    return (events) => startModuleServer(connect, events);
  }
  const env = Object.fromEntries(Object.entries(launch.env).map(([name, value]) => [name, fill(value)]));
  const onStderr = (text: string): void => {
    stderr.add(text);
    log.stderr(text);
  };
  const command = {
    command: fill(launch.command),
    args: launch.args.map(fill),
    cwd: workspace,
    graceMs: GRACE_MS,
    onStderr,
    whyKilled: whyKilled(oomKills),
  };
  // The host's own environment was made minimal by the runtime; it holds MCP_SESSION_ID, MCP_CONFIG_DIR and MCP_PID_FILE.
  const inherited = { ...(process.env as Record<string, string>), ...egress.environment };
  return async (events) => {
    await unmoved(workspace);
    return startStdioServer({ ...command, env: { ...inherited, ...env } }, events);
  };
}

/** Why a server was killed that nobody asked to end: the kernel counts whom it killed for want of memory. */
function whyKilled(oomKills: () => number | undefined): () => string | undefined {
  let before = oomKills() ?? 0;
  return () => {
    const now = oomKills() ?? 0;
    const more = now > before;
    before = now;
    return more
      ? 'it needed more memory than its instance may use (limits.memoryMb of its catalogue entry)'
      : undefined;
  };
}

/**
 * The workspace was looked at when the session was opened (sessions/workspaces.ts), and servers are started long after: a
 * link that somebody has put in its place, or on the way to it, could lead anywhere.
 */
async function unmoved(workspace: string): Promise<void> {
  const real = await realpath(workspace).catch(() => undefined);
  if (real === workspace) return;
  const problem = real === undefined ? 'is not there any more' : 'is reached through a link now';
  throw new AppError('server.failed', `The workspace ${workspace} ${problem}: open the session anew in a directory`);
}

/**
 * Puts in what only the instance knows, whatever it runs in: its directories, and its Node. With another `$` before it a
 * placeholder is part of a value (controller/assignment.ts) and stays.
 */
function filling(places: Readonly<Record<string, string>>): (text: string) => string {
  return (text) =>
    text.replace(/\$?\$\{(configDir|dist|node)\}/g, (found, name: string) =>
      found.startsWith('$$') ? found.slice(1) : (places[name] as string),
    );
}

/** Leaves a file that is there: the developer may have changed the session's own copy. */
async function addFile(path: string, content: string): Promise<void> {
  try {
    await writeFile(path, content, { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
