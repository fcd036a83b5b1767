import type { InstanceLabels, InstanceStatus } from '../core/runtime.ts';

/**
 * Rounds in a row without an answer after which an instance hangs. In all but the first it is waited for long (host-survey.ts), so
 * one that was only slow, or was stopped together with whoever asks, has answered by then.
 */
const ROUNDS = 3;

/** What a round has found counts for so long, milliseconds: one that hung may have come back since. */
const FRESH_MS = 1000;

/** Which instance. */
type Which = Pick<InstanceLabels, 'session' | 'server' | 'nonce' | 'incarnation'>;

/** An instance that was asked how it is. */
export interface Asked extends Which {
  /** Undefined: it did not answer. */
  readonly status: object | undefined;
}

/** Which instances hang: they run, and their hosts have not answered for long. */
export class Silences {
  #rounds = new Map<string, number>();
  /** When the last round that counted ended, milliseconds since the epoch. */
  #at = Number.NEGATIVE_INFINITY;

  /**
   * One round of questions to all instances. One in which nobody of several sessions answers says more about this machine, or the
   * way to them, than about them, and does not count.
   * @param now milliseconds since the epoch
   * @returns those that hang
   */
  heard<T extends Asked>(asked: readonly T[], now: number): T[] {
    const silent = asked.filter(({ status }) => !status);
    if (silent.length === asked.length && new Set(asked.map(({ session }) => session)).size > 1) return [];
    this.#at = now;
    this.#rounds = new Map(silent.map((one) => [keyOf(one), this.#roundsOf(one) + 1]));
    return silent.filter((one) => this.#hangs(one));
  }

  /** It did not answer when it was asked last. */
  isSilent(one: Which): boolean {
    return this.#roundsOf(one) > 0;
  }

  /** One that runs and hangs, as a round has just found, is as good as dead. `now`: as with `heard`. */
  judged(status: InstanceStatus, now: number): InstanceStatus {
    if (status.phase !== 'running' || now - this.#at > FRESH_MS || !this.#hangs(status.instance.labels)) return status;
    return { phase: 'dead', instance: status.instance, reason: 'its host has not answered for a minute' };
  }

  #hangs(one: Which): boolean {
    return this.#roundsOf(one) >= ROUNDS;
  }

  #roundsOf(one: Which): number {
    return this.#rounds.get(keyOf(one)) ?? 0;
  }
}

const keyOf = ({ session, server, nonce, incarnation }: Which): string =>
  `${session}/${server} ${nonce} ${incarnation}`;
