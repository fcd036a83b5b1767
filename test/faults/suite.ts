import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '../support/eventually.ts';
import type { ClientKind } from './clients.ts';
import type { Fault } from './faults.ts';
import { type Outcome, outcomeOf } from './outcome.ts';
import type { Place } from './place.ts';
import { Stack } from './stack.ts';
import { Terminal } from './terminal.ts';

/** How long clients may take to be well again when the deployment is. */
const WELL_MS = 90_000;
const AT_REST_MS = 60_000;
/** Calls before the first fault. */
const CALM_MS = 5000;
/** Terminals opened at once. */
const BATCH = 4;
const CALM: Pick<Fault, 'name'> = { name: 'none' };

/** A deployment under steady calls of many terminals, to which faults are done, one after the other. */
export class Suite<P extends Place = Stack> implements AsyncDisposable {
  readonly stack: P;
  readonly #terminals: Terminal[] = [];

  private constructor(stack: P) {
    this.stack = stack;
  }

  /**
   * On the deployment of compose.yaml.
   * @param terminals how many
   * @param kinds of clients, which take turns
   */
  static async start(terminals: number, kinds?: readonly ClientKind[]): Promise<Suite> {
    return Suite.on(await Stack.up(), terminals, kinds);
  }

  /** @param stack a deployment that serves; ends with the suite */
  static async on<P extends Place>(
    stack: P,
    terminals: number,
    kinds: readonly ClientKind[] = ['v1', 'v2'],
  ): Promise<Suite<P>> {
    const suite = new Suite(stack);
    try {
      for (let first = 0; first < terminals; first += BATCH) {
        const numbers = Array.from({ length: Math.min(BATCH, terminals - first) }, (_, index) => first + index);
        const opened = numbers.map((number) =>
          Terminal.open(suite.stack, `t${number}`, kinds[number % kinds.length] as ClientKind),
        );
        suite.#terminals.push(...(await Promise.all(opened)));
      }
    } catch (error) {
      await suite[Symbol.asyncDispose]();
      throw error;
    }
    return suite;
  }

  /** Steady calls and no fault. */
  async calm(): Promise<Outcome> {
    for (const terminal of this.#terminals) terminal.takeCalls();
    await delay(CALM_MS);
    return this.#outcome(CALM, []);
  }

  /** One fault, until everything is as it was before, or will not be. Undefined, with the reason: it cannot be done here. */
  async suffer(fault: Fault<P>): Promise<Outcome | { readonly skipped: string }> {
    const scene = { stack: this.stack, terminals: this.#terminals };
    const skipped = await fault.unable?.(scene);
    if (skipped !== undefined) return { skipped };
    const problems: string[] = [];
    const attempt = (what: string, doing: Promise<unknown>) =>
      doing.catch((error: unknown) => problems.push(`${what}: ${(error as Error).message}`));
    await attempt('the fault', fault.inject(scene));
    await attempt('the deployment', this.stack.whole());
    return this.#outcome(fault, problems);
  }

  async #outcome(fault: Pick<Fault, 'name' | 'mayFail' | 'cuts'>, problems: string[]): Promise<Outcome> {
    for (const terminal of this.#terminals) terminal.watch();
    const unwell = () => this.#terminals.filter((terminal) => !terminal.isWell);
    await eventually('all are well', async () => unwell().length === 0, WELL_MS).catch(() => {});
    const sessions = new Set(await this.stack.sessions().catch(() => []));
    const lost = this.#terminals.filter(({ session, isWell }) => !sessions.has(session) || !isWell);
    const leftOver = await this.#leftOver(this.#terminals.length);
    return outcomeOf(fault, this.#terminals, { lost: lost.map(({ name }) => name), leftOver, problems });
  }

  /** Containers besides `wanted`, which are given time to end. */
  async #leftOver(wanted: number): Promise<number> {
    let count = 0;
    const atRest = async () => {
      count = (await this.stack.instances()).length;
      return count === wanted;
    };
    await eventually('at rest', atRest, AT_REST_MS).catch(() => {});
    return count - wanted;
  }

  /** Ends all sessions; resolves with the number of containers that are left. */
  async end(): Promise<number> {
    const terminals = this.#terminals.splice(0);
    await Promise.all(terminals.map((terminal) => terminal.close()));
    for (const { session } of terminals) await this.stack.end(session);
    return this.#leftOver(0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closing = this.#terminals.splice(0).map((terminal) => terminal.close());
    // Calls that run end with the deployment at the latest.
    await this.stack[Symbol.asyncDispose]();
    await Promise.all(closing);
  }
}
