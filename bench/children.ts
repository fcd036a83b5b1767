import { type ChildProcess, type ChildProcessByStdio, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { availableParallelism } from 'node:os';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

const START_MS = 20_000;
const GRACE_MS = 2000;

/** The driver on one core, what it drives on another: neither slows the other down. */
const DRIVER_CORE = '0';
const DRIVEN_CORE = '1';

export interface ChildOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** What it writes to stderr is not for people. */
  readonly quiet?: boolean;
}

/** Keeps this process to its core. @throws Error that says what is missing */
export function pinDriver(): void {
  if (process.platform !== 'linux' || availableParallelism() < 2)
    throw new Error('The benchmark needs Linux and two cores, of which this process may use both');
  execFileSync('taskset', ['-a', '-cp', DRIVER_CORE, String(process.pid)], { stdio: 'pipe' });
}

/** Starts a program on the other core; its stderr is this process's. taskset becomes the program: the pid is its own. */
export function start(
  command: readonly string[],
  { quiet = false, ...options }: ChildOptions = {},
): ChildProcessByStdio<Writable, Readable, null> {
  const stderr = quiet ? 'ignore' : 'inherit';
  return spawn('taskset', ['-c', DRIVEN_CORE, ...command], { ...options, stdio: ['pipe', 'pipe', stderr] });
}

/** The same for this Node and one of its programs. */
export const startNode = (args: readonly string[], options?: ChildOptions) =>
  start([process.execPath, ...args], options);

/** The first line that a child prints. @throws Error if it ends before, or takes too long */
export async function firstLine(child: ChildProcessByStdio<Writable, Readable, null>): Promise<string> {
  const lines = createInterface(child.stdout);
  const ended = once(child, 'exit').then(() => {
    throw new Error(`${child.spawnargs.join(' ')} ended`);
  });
  const [line] = await Promise.race([once(lines, 'line', { signal: AbortSignal.timeout(START_MS) }), ended]);
  return String(line);
}

/** Ends a child: SIGTERM, then SIGKILL. Resolves when it is gone. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const kill = setTimeout(() => child.kill('SIGKILL'), GRACE_MS);
  await ended;
  clearTimeout(kill);
}

/** A TCP port that nobody has at the moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address ? address.port : 0;
}

/** Resolves when something listens on `port`. */
export async function listening(port: number): Promise<void> {
  for (const late = Date.now() + START_MS; ; await sleep(20)) {
    const socket = connect(port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      return;
    } catch (error) {
      if (Date.now() > late) throw error;
    } finally {
      socket.destroy();
    }
  }
}
