import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';

export interface TerminalOptions {
  /** Program and arguments; it leads the terminal. */
  readonly command: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/** A real terminal, in a tmux server of its own. */
export class TmuxTerminal implements Disposable {
  readonly #server = `test-${randomUUID()}`;

  constructor({ command, cwd, env }: TerminalOptions) {
    const variables = Object.entries(env).flatMap(([name, value]) => ['-e', `${name}=${value}`]);
    this.#tmux('-f', '/dev/null', 'new-session', '-d', '-x', '200', '-y', '50', '-c', cwd, ...variables, ...command);
  }

  /** Types a line. */
  type(line: string): void {
    this.#tmux('send-keys', '-l', line);
    this.#tmux('send-keys', 'Enter');
  }

  /** What is on the screen, for the message of a test that failed. */
  screen(): string {
    return this.#tmux('capture-pane', '-p');
  }

  [Symbol.dispose](): void {
    try {
      this.#tmux('kill-server');
    } catch {
      // It ended with its last program.
    }
  }

  #tmux(...args: string[]): string {
    return execFileSync('tmux', ['-L', this.#server, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  }
}
