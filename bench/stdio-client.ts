import type { ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { type Answer, type Conversation, checkEcho, echoOf, INITIALIZE } from './conversation.ts';

/** A server that is asked directly, over its stdin and stdout. */
export class StdioConversation implements Conversation {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #waiting = new Map<number, PromiseWithResolvers<Answer>>();
  #id = 0;

  private constructor(child: ChildProcessByStdio<Writable, Readable, null>) {
    this.#child = child;
    createInterface(child.stdout).on('line', (line) => {
      const answer = JSON.parse(line) as Answer & { id: number };
      this.#waiting.get(answer.id)?.resolve(answer);
      this.#waiting.delete(answer.id);
    });
    child.once('exit', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('the server has ended'));
    });
  }

  /** Resolves when the server has answered `initialize`. */
  static async open(child: ChildProcessByStdio<Writable, Readable, null>): Promise<StdioConversation> {
    const conversation = new StdioConversation(child);
    await conversation.#ask('initialize', INITIALIZE);
    conversation.#send({ jsonrpc: '2.0', method: 'notifications/initialized' });
    return conversation;
  }

  async echo(text: string): Promise<void> {
    checkEcho(await this.#ask('tools/call', echoOf(text)), text);
  }

  async close(): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.stdin.end();
    await ended;
  }

  #ask(method: string, params: object): Promise<Answer> {
    this.#id += 1;
    const answered = Promise.withResolvers<Answer>();
    this.#waiting.set(this.#id, answered);
    this.#send({ jsonrpc: '2.0', id: this.#id, method, params });
    return answered.promise;
  }

  #send(message: object): void {
    this.#child.stdin.write(`${JSON.stringify(message)}\n`);
  }
}
