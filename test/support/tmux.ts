import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openProcessTable } from '../../src/os/open-process-table.ts';

export interface TerminalOptions {
  /** Program and arguments; it leads the terminal. */
  readonly command: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/** A real terminal, in a tmux server of its own. */
export class TmuxTerminal implements Disposable {
  readonly #directory = mkdtempSync(join(tmpdir(), 'tmux-'));

  constructor({ command, cwd, env }: TerminalOptions) {
    const variables = Object.entries(env).flatMap(([name, value]) => ['-e', `${name}=${value}`]);
    this.#tmux('-f', '/dev/null', 'new-session', '-d', '-x', '200', '-y', '50', '-c', cwd, ...variables, ...command);
  }

  /** Of the program that leads the terminal. */
  get pid(): number {
    return Number(this.#tmux('list-panes', '-F', '#{pane_pid}'));
  }

  /** Types a line. */
  type(line: string): void {
    this.#tmux('send-keys', '-l', line);
    this.#tmux('send-keys', 'Enter');
  }

  /** Presses one key, such as `Tab`. */
  press(key: string): void {
    this.#tmux('send-keys', key);
  }

  /** Types text, and no Enter. */
  begin(text: string): void {
    this.#tmux('send-keys', '-l', text);
  }

  /** What is on the screen with its colours (`-e`). */
  colours(): string {
    return this.#tmux('capture-pane', '-p', '-J', '-e');
  }

  /** What is on the screen; a line that was wrapped is one line. */
  screen(): string {
    return this.#tmux('capture-pane', '-p', '-J');
  }

  /** Ends it at once: on the SIGHUP of a terminal that goes, shells write their histories into what is removed next. */
  [Symbol.dispose](): void {
    try {
      const { pid } = this;
      const table = openProcessTable();
      if (table.identity(pid)) process.kill(pid, 'SIGKILL');
      for (const moment = new Int32Array(new SharedArrayBuffer(4)); table.identity(pid); )
        Atomics.wait(moment, 0, 0, 5);
      this.#tmux('kill-server');
    } catch {
      // It ended with its last program.
    }
    rmSync(this.#directory, { recursive: true, force: true }); // tmux leaves its socket behind
  }

  #tmux(...args: string[]): string {
    return execFileSync('tmux', ['-S', join(this.#directory, 'socket'), ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }
}
