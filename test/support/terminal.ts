import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openProcessTable } from '../../src/os/open-process-table.ts';
import { eventually } from './eventually.ts';
import { TmuxTerminal } from './tmux.ts';

export interface TerminalSetup {
  /** `tmux`: a real pseudo terminal. `detached`: a bash that leads a session of its own and has no terminal. */
  readonly kind: 'tmux' | 'detached';
  readonly cwd: string;
  /** All that its environment holds. */
  readonly env: Readonly<Record<string, string>>;
}

/** What a command did. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const BASH = ['bash', '--norc'];
/** Many terminals at once on a small machine take their time. */
const COMMAND_MS = 60_000;

/** A user's bash, into which commands are typed. Disposal ends it, if it still runs, by SIGKILL. */
export class Terminal implements AsyncDisposable {
  readonly #shell: TmuxTerminal | ChildProcess;
  readonly #outputs = mkdtempSync(join(tmpdir(), 'terminal-'));
  #commands = 0;
  /** Of its shell. */
  readonly pid: number;

  constructor({ kind, cwd, env }: TerminalSetup) {
    const assignments = Object.entries(env).map(([name, value]) => `${name}=${value}`);
    this.#shell =
      kind === 'tmux'
        ? new TmuxTerminal({ command: ['env', '-i', 'TERM=screen', ...assignments, ...BASH], cwd, env: {} })
        : spawn('bash', BASH.slice(1), { cwd, env, detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
    this.pid = Number(this.#shell.pid);
  }

  /** Types a line. */
  type(line: string): void {
    if (this.#shell instanceof TmuxTerminal) this.#shell.type(line);
    else this.#shell.stdin?.write(`${line}\n`);
  }

  /** What is on the screen; a detached shell has none. */
  screen(): string {
    return this.#shell instanceof TmuxTerminal ? this.#shell.screen() : '';
  }

  /** Runs a line in the shell itself, so that `eval` and `export` last, and waits until it is done. */
  async run(line: string): Promise<Outcome> {
    this.#commands += 1;
    const file = join(this.#outputs, String(this.#commands));
    this.type(`{ ${line}; } >${file}.out 2>${file}.err; echo $? >${file}.part; mv ${file}.part ${file}.code`);
    const code = await eventually(`${line} is done`, async () => readFileSync(`${file}.code`, 'utf8'), COMMAND_MS);
    return {
      code: Number(code),
      stdout: readFileSync(`${file}.out`, 'utf8'),
      stderr: readFileSync(`${file}.err`, 'utf8'),
    };
  }

  kill(signal: NodeJS.Signals): void {
    process.kill(this.pid, signal);
  }

  /** Resolves when the shell is gone. */
  async ended(): Promise<void> {
    const table = openProcessTable();
    await eventually(`the shell ${this.pid} is gone`, async () => table.identity(this.pid) === undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (openProcessTable().identity(this.pid)) this.kill('SIGKILL');
    await this.ended();
    if (this.#shell instanceof TmuxTerminal) this.#shell[Symbol.dispose]();
    rmSync(this.#outputs, { recursive: true, force: true });
  }
}
