import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/core/clock.ts';
import { freePort } from './free-port.ts';

const START_MS = 10_000;
const ATTEMPTS = 5;

/** A real redis-server of the test's own: a free port of 127.0.0.1, no persistence, ended at disposal. */
export class RedisServer implements AsyncDisposable {
  readonly #directory: string;
  readonly #port: number;
  #child: ChildProcess;

  private constructor(directory: string, port: number, child: ChildProcess) {
    this.#directory = directory;
    this.#port = port;
    this.#child = child;
  }

  static async start(): Promise<RedisServer> {
    const directory = await mkdtemp(join(tmpdir(), 'redis-'));
    try {
      for (let attempt = 1; ; attempt++) {
        const port = await freePort();
        const child = await launch(directory, port).catch((error: unknown) => {
          if (attempt === ATTEMPTS) throw error; // else somebody took the port meanwhile
        });
        if (child) return new RedisServer(directory, port, child);
      }
    } catch (error) {
      await rm(directory, { recursive: true, force: true });
      throw error;
    }
  }

  get url(): string {
    return `redis://127.0.0.1:${this.#port}`;
  }

  /** SIGSTOP: connections stay, nothing answers. */
  pause(): void {
    this.#child.kill('SIGSTOP');
  }

  resume(): void {
    this.#child.kill('SIGCONT');
  }

  /** SIGKILL: the port refuses, everything in it is lost. */
  async kill(): Promise<void> {
    await end(this.#child);
  }

  /** After `kill`: an empty one at the same address. */
  async restart(): Promise<void> {
    this.#child = await launch(this.#directory, this.#port);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await end(this.#child);
    await rm(this.#directory, { recursive: true, force: true });
  }
}

/** Resolves when the server accepts connections. */
async function launch(directory: string, port: number): Promise<ChildProcess> {
  const options = [
    '--bind',
    '127.0.0.1',
    '--port',
    String(port),
    '--dir',
    directory,
    '--save',
    '',
    '--appendonly',
    'no',
  ];
  const child = spawn('redis-server', options, { stdio: 'ignore' });
  child.on('error', () => {}); // it never started: told below
  const giveUpAt = Date.now() + START_MS;
  while (!(await accepts(port))) {
    if (child.exitCode !== null || child.pid === undefined || Date.now() > giveUpAt) {
      await end(child);
      throw new Error(`redis-server does not start on port ${port}`);
    }
    await systemClock.sleep(20);
  }
  return child;
}

export async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

export async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}
