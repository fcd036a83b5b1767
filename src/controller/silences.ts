import type { InstanceLabels, InstanceStatus } from '../core/runtime.ts';

/**
 * Rounds in a row without an answer after which an instance is suspected. In all but the first it is waited for long
 * (host-survey.ts), so one that was only slow, or was stopped together with whoever asks, has answered by then.
 */
const ROUNDS = 3;

/** What was found counts for so long, milliseconds: one that hung may have come back since. */
const FRESH_MS = 1000;

/** Which instance. */
export type Which = Pick<InstanceLabels, 'session' | 'server' | 'nonce' | 'incarnation'>;

/** An instance that was asked how it is. */
export interface Asked extends Which {
  /** Undefined: it did not answer. */
  readonly status: object | undefined;
}

/** Which instances hang: they run, and their hosts have not answered for long. */
export class Silences {
  #rounds = new Map<string, number>();
  /** When each that hangs was found to, milliseconds since the epoch. */
  readonly #hanging = new Map<string, number>();

  /**
   * One round of questions to all instances. One in which nobody of several sessions answers says more about this machine, or the
   * way to them, than about them, and does not count.
   * @returns those that seem to hang. A round takes long where many do: they are to be asked once more (`hangs`)
   */
  heard<T extends Asked>(asked: readonly T[]): T[] {
    this.#hanging.clear();
    const silent = asked.filter(({ status }) => !status);
    if (silent.length === asked.length && new Set(asked.map(({ session }) => session)).size > 1) return [];
    this.#rounds = new Map(silent.map((one) => [keyOf(one), this.#roundsOf(one) + 1]));
    return silent.filter((one) => this.#roundsOf(one) >= ROUNDS);
  }

  /** One that seemed to hang was asked once more, and does. `now`: milliseconds since the epoch. */
  hangs(one: Which, now: number): void {
    this.#hanging.set(keyOf(one), now);
  }

  /** It did not answer when it was asked last. */
  isSilent(one: Which): boolean {
    return this.#roundsOf(one) > 0;
  }

  /** One that runs, and was found to hang just now, is as good as dead. `now`: as with `hangs`. */
  judged(status: InstanceStatus, now: number): InstanceStatus {
    const foundAt = status.phase === 'running' ? this.#hanging.get(keyOf(status.instance.labels)) : undefined;
    if (status.phase !== 'running' || foundAt === undefined || now - foundAt > FRESH_MS) return status;
    return { phase: 'dead', instance: status.instance, reason: 'its host has not answered for a minute' };
  }

  #roundsOf(one: Which): number {
    return this.#rounds.get(keyOf(one)) ?? 0;
  }
}

const keyOf = ({ session, server, nonce, incarnation }: Which): string =>
  `${session}/${server} ${nonce} ${incarnation}`;
