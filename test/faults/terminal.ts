import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { anyTool, type Call, type CallingClient, make, type Tool } from './calls.ts';
import { CLIENTS, type ClientKind } from './clients.ts';
import type { Place } from './place.ts';

const PAUSE_MS = { from: 200, to: 1000 };

/** How often each call was begun by the server, as it wrote down itself. */
export type Ledger = ReadonlyMap<string, number>;

/**
 * A terminal with its session and one official client, which calls and calls until it is closed. The client is connected
 * once; no error makes it connect again.
 */
export class Terminal {
  readonly name: string;
  readonly session: string;
  readonly kind: ClientKind;
  readonly #client: CallingClient;
  readonly #ledger: string;
  readonly #end = new AbortController();
  readonly #loop: Promise<void>;
  #calls: Call[] = [];
  #serial = 0;
  #goodInARow = 0;

  private constructor(name: string, session: string, kind: ClientKind, client: CallingClient, ledger: string) {
    this.name = name;
    this.session = session;
    this.kind = kind;
    this.#client = client;
    this.#ledger = ledger;
    this.#loop = this.#callAgainAndAgain();
  }

  static async open(stack: Place, name: string, kind: ClientKind): Promise<Terminal> {
    const { session, token, ledger } = await stack.open(name);
    const client = await CLIENTS[kind](stack.url, token);
    return new Terminal(name, session.id, kind, client, ledger);
  }

  async #callAgainAndAgain(): Promise<void> {
    const { signal } = this.#end;
    while (!signal.aborted) {
      const call = await make(this.#client, anyTool(), this.#nextId());
      this.#calls.push(call);
      this.#goodInARow = call.error === undefined ? this.#goodInARow + 1 : 0;
      const pause = PAUSE_MS.from + Math.random() * (PAUSE_MS.to - PAUSE_MS.from);
      await delay(pause, undefined, { signal }).catch(() => {});
    }
  }

  #nextId(): string {
    this.#serial += 1;
    return `${this.name}/${this.#serial}`;
  }

  /** What was called since this was last asked. */
  takeCalls(): Call[] {
    const calls = this.#calls;
    this.#calls = [];
    return calls;
  }

  /** Forgets how the last calls went: `isWell` looks at those that begin after the one that runs. */
  watch(): void {
    this.#goodInARow = -1;
  }

  /** At least two calls in a row had their right answers. */
  get isWell(): boolean {
    return this.#goodInARow >= 2;
  }

  /** One call besides the others, which has no answer: it takes all memory of the instance. */
  eat(): void {
    this.#client.call('eat', {}).catch(() => {}); // as is wanted
  }

  /** One call out of the row; for a terminal that is only looked at. */
  call(tool: Tool): Promise<Call> {
    return make(this.#client, tool, this.#nextId());
  }

  get ledger(): Ledger {
    const begun = new Map<string, number>();
    for (const line of readFileSync(this.#ledger, 'utf8').split('\n')) {
      const [, id] = line.split(' ');
      if (id !== undefined) begun.set(id, (begun.get(id) ?? 0) + 1);
    }
    return begun;
  }

  /** Resolves when the call that runs has its answer, and the client is closed. */
  async close(): Promise<void> {
    this.#end.abort();
    await this.#loop;
    await this.#client.close().catch(() => {}); // its streams may be broken
  }
}
