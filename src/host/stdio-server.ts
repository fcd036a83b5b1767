import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { StringDecoder } from 'node:string_decoder';
import { AppError } from '../core/errors.ts';
import { asMessage } from '../core/json-rpc.ts';
import type { ServerEvents, ServerHandle } from './server-handle.ts';

export interface StdioLaunch {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Time between closing stdin, SIGTERM and SIGKILL, milliseconds. */
  readonly graceMs: number;
  /** Everything the server writes to stderr, and what it writes to stdout that is no message. */
  readonly onStderr: (text: string) => void;
}

const NEWLINE = 0x0a;

/**
 * A server as a child process that speaks MCP on stdin and stdout (2025-11-25, basic/transports, "stdio"). It stays in the
 * host's process group, so that ending the group ends it.
 * @throws AppError `server.failed` if the program cannot be started
 */
export async function startStdioServer(launch: StdioLaunch, events: ServerEvents): Promise<ServerHandle> {
  const child = spawn(launch.command, [...launch.args], { cwd: launch.cwd, env: { ...launch.env }, stdio: 'pipe' });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (cause) => {
      reject(new AppError('server.failed', `Cannot start "${launch.command}": ${cause.message}`, { cause }));
    });
  });
  return new StdioServer(child, launch, events);
}

class StdioServer implements ServerHandle {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #launch: StdioLaunch;
  readonly #events: ServerEvents;
  readonly #gone: Promise<void>;
  #partial: Buffer[] = [];
  #closing = false;

  constructor(child: ChildProcessWithoutNullStreams, launch: StdioLaunch, events: ServerEvents) {
    this.#child = child;
    this.#launch = launch;
    this.#events = events;
    const decoder = new StringDecoder('utf8');
    child.stdout.on('data', (chunk: Buffer) => this.#read(chunk));
    child.stderr.on('data', (chunk: Buffer) => launch.onStderr(decoder.write(chunk)));
    child.stdin.on('error', () => {}); // it went away: 'close' tells
    child.on('error', () => {});
    this.#gone = new Promise((resolve) => {
      // 'close', not 'exit': what it still said is read first
      child.once('close', (code, signal) => {
        resolve();
        if (!this.#closing) events.onExit(signal ? `ended by ${signal}` : `exited with code ${code}`);
      });
    });
  }

  send(payload: Buffer): void {
    const { stdin } = this.#child;
    if (!stdin.writable) return;
    const line = Buffer.allocUnsafe(payload.length + 1);
    line.set(payload);
    line[payload.length] = NEWLINE;
    stdin.write(line);
  }

  pause(): void {
    this.#child.stdout.pause();
  }

  resume(): void {
    this.#child.stdout.resume();
  }

  /** stdin closed, then SIGTERM, then SIGKILL (2025-11-25, basic/lifecycle, "Shutdown", stdio). */
  async close(): Promise<void> {
    this.#closing = true;
    this.#child.stdout.resume(); // paused output would hold 'close' back
    this.#child.stdin.end();
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      if (await this.#goneWithin(this.#launch.graceMs)) return;
      this.#child.kill(signal);
    }
    // A grandchild may keep the pipes open: the child itself is dead, that is what counts.
    await this.#goneWithin(this.#launch.graceMs);
  }

  async #goneWithin(ms: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(resolve, ms, false);
    });
    const done = await Promise.race([this.#gone.then(() => true), late]);
    clearTimeout(timer);
    return done;
  }

  /** Cuts stdout into lines; a line is one message. */
  #read(chunk: Buffer): void {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const piece = chunk.subarray(start, end);
      start = end + 1;
      if (this.#partial.length === 0) this.#line(piece);
      else {
        this.#partial.push(piece);
        const whole = Buffer.concat(this.#partial);
        this.#partial = [];
        this.#line(whole);
      }
    }
    if (start < chunk.length) this.#partial.push(chunk.subarray(start));
  }

  #line(line: Buffer): void {
    const raw = line.at(-1) === 0x0d ? line.subarray(0, -1) : line;
    if (raw.length === 0) return;
    let values: unknown;
    try {
      values = JSON.parse(raw.toString());
    } catch {
      values = undefined;
    }
    // Servers of revision 2025-03-26 may send batches.
    for (const value of Array.isArray(values) ? values : [values]) {
      const message = asMessage(value);
      if (typeof message === 'string')
        this.#launch.onStderr(`(stdout, not a message) ${raw.toString('utf8', 0, 200)}\n`);
      else this.#events.onMessage(message, Array.isArray(values) ? Buffer.from(JSON.stringify(value)) : raw);
    }
  }
}
