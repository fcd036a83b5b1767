import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { bridgeCommand } from './bridge-sdk-clients.ts';
import { eventually } from './eventually.ts';

/** The bridge as a process of its own, spoken to in lines, as no SDK would. */
export class BridgeProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown[]>;
  #out = '';

  constructor({ command, args, env, cwd }: ReturnType<typeof bridgeCommand>) {
    this.#child = spawn(command, args, { env, cwd, stdio: ['pipe', 'pipe', 'ignore'] });
    this.#exited = once(this.#child, 'exit');
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#out += text;
    });
  }

  send(message: object): void {
    this.#child.stdin?.write(`${JSON.stringify(message)}\n`);
  }

  // biome-ignore lint/suspicious/noExplicitAny: tests look into it
  get messages(): any[] {
    const whole = this.#out.slice(0, this.#out.lastIndexOf('\n') + 1);
    return whole.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]));
  }

  answer(id: number | string) {
    return eventually(`an answer to ${id}`, async () => this.messages.find((m) => m.id === id && !('method' in m)));
  }

  /** Ends its stdin. @returns its exit code */
  async end(): Promise<unknown> {
    this.#child.stdin?.end();
    return (await this.#exited)[0];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }
}
