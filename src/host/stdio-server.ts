import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { StringDecoder } from 'node:string_decoder';
import { MAX_MESSAGE } from '../core/channel.ts';
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
  /** Asked when it was killed: the reason, if it is known. */
  readonly whyKilled?: () => string | undefined;
}

const NEWLINE = 0x0a;
const RETURN = 0x0d;

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
  #partialBytes = 0;
  #closing = false;
  /** Why it was ended from here, unasked. */
  #fault: string | undefined;

  constructor(child: ChildProcessWithoutNullStreams, launch: StdioLaunch, events: ServerEvents) {
    this.#child = child;
    this.#launch = launch;
    this.#events = events;
    const decoder = new StringDecoder('utf8');
    child.stdout.on('data', (chunk: Buffer) => this.#read(chunk));
    child.stderr.on('data', (chunk: Buffer) => launch.onStderr(decoder.write(chunk)));
    child.on('error', () => {});
    const timers: NodeJS.Timeout[] = [];
    // Most often because it has ended, which 'close' tells; one that lives on would leave its calls without an answer.
    child.stdin.on('error', () => {
      timers.push(setTimeout(() => this.#condemn('it has closed its input'), launch.graceMs));
    });
    child.once('exit', () => {
      timers.push(setInterval(() => this.#cutOff(), launch.graceMs));
    });
    this.#gone = new Promise((resolve) => {
      // 'close', not 'exit': what it still said is read first
      child.once('close', (code, signal) => {
        for (const timer of timers) clearTimeout(timer);
        resolve();
        if (this.#closing) return;
        const fault = signal === 'SIGKILL' ? this.#fault : undefined;
        const killed = signal === 'SIGKILL' ? launch.whyKilled?.() : undefined;
        events.onExit(fault ?? killed ?? (signal ? `ended by ${signal}` : `exited with code ${code}`));
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
    if (stdin.writableLength > MAX_MESSAGE) this.#condemn('it does not read its input');
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

  /** It cannot be talked to: it is killed, and 'close' tells why. */
  #condemn(fault: string): void {
    if (this.#closing) return;
    this.#fault ??= fault;
    this.#child.kill('SIGKILL');
  }

  /** It is dead, but a program that it started holds its pipes open, which would hold 'close' back. */
  #cutOff(): void {
    if (this.#child.stdout.isPaused()) return; // what it still said is to be read first
    this.#child.stdout.destroy();
    this.#child.stderr.destroy();
  }

  /** Cuts stdout into lines; a line is one message. */
  #read(chunk: Buffer): void {
    if (this.#fault !== undefined) return;
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const piece = chunk.subarray(start, end);
      start = end + 1;
      if (this.#partial.length === 0) this.#line(piece);
      else {
        this.#partial.push(piece);
        const whole = Buffer.concat(this.#partial);
        this.#partial = [];
        this.#partialBytes = 0;
        this.#line(whole);
      }
    }
    if (start === chunk.length) return;
    this.#partial.push(chunk.subarray(start));
    this.#partialBytes += chunk.length - start;
    if (this.#partialBytes <= MAX_MESSAGE) return;
    this.#partial = [];
    this.#condemn(`it wrote a message larger than ${MAX_MESSAGE} bytes`);
  }

  #line(line: Buffer): void {
    const raw = line.at(-1) === RETURN ? line.subarray(0, -1) : line;
    if (raw.length === 0) return;
    let values: unknown;
    try {
      values = JSON.parse(raw.toString());
    } catch {
      values = undefined;
    }
    // Servers of revision 2025-03-26 may send batches. A carriage return would end the line of a server-sent event.
    const rewrite = Array.isArray(values) || raw.includes(RETURN);
    for (const value of Array.isArray(values) ? values : [values]) {
      const message = asMessage(value);
      const own = rewrite ? written(value) : raw;
      if (typeof message === 'string' || !own)
        this.#launch.onStderr(`(stdout, not a message) ${raw.toString('utf8', 0, 200)}\n`);
      else this.#events.onMessage(message, own);
    }
  }
}

/** Undefined: it is nested too deeply to be written, though it could be read. */
function written(value: unknown): Buffer | undefined {
  try {
    return Buffer.from(JSON.stringify(value));
  } catch {
    return undefined;
  }
}
