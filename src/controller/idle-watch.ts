import type { ServerState } from '../core/session.ts';

type Ready = Extract<ServerState, { phase: 'ready' }>;

/** A question to a host whether it may be ended: when it makes sense, and what to ask. */
export interface IdleQuestion {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** For how long nobody must have used it, milliseconds. */
  readonly idleMs: number;
}

/**
 * When hosts are asked whether they may be ended because nobody uses them. Each is asked when its time could have come, by what
 * it said last, so one that is used costs one question in that time.
 */
export class IdleWatch {
  readonly #idleMs: number;
  readonly #asked = new Map<string, number>();
  readonly #hurried = new Map<string, IdleQuestion>();

  /** @param idleMs after what time without use an instance is ended, milliseconds; 0: never */
  constructor(idleMs: number) {
    this.#idleMs = idleMs;
  }

  /** Instances are ended at all. */
  get enabled(): boolean {
    return this.#idleMs > 0;
  }

  /** The next question to the instance of `key`; undefined: it is never asked. */
  next(key: string, state: Ready): IdleQuestion | undefined {
    if (!this.enabled) return undefined;
    const idleMs = this.#idleMs;
    return this.#hurried.get(key) ?? { at: Math.max(state.since + idleMs, this.#asked.get(key) ?? 0), idleMs };
  }

  /** It is asked at `at`, for less: its place is needed. */
  hurry(key: string, question: IdleQuestion): void {
    this.#hurried.set(key, question);
  }

  /** It was last used then, by its own account. */
  used(key: string, usedAt: number): void {
    this.later(key, usedAt + this.#idleMs);
  }

  /** It is asked again at this time. */
  later(key: string, at: number): void {
    this.#hurried.delete(key);
    this.#asked.set(key, at);
  }

  /** It is gone. */
  forget(key: string): void {
    this.#hurried.delete(key);
    this.#asked.delete(key);
  }
}
