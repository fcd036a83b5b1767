import type { SessionId } from '../core/ids.ts';
import type { Runtime } from '../core/runtime.ts';

/** What the runtime keeps for sessions besides their instances (configuration, logs), which goes when they are over. */
export class Leftovers {
  readonly #runtime: Pick<Runtime, 'kept' | 'forget'>;
  readonly #of = new Set<SessionId>();
  readonly #removals = new Map<SessionId, Promise<void>>();
  #searched = false;

  constructor(runtime: Pick<Runtime, 'kept' | 'forget'>) {
    this.#runtime = runtime;
  }

  /** Sessions that there may be something of. */
  get sessions(): Iterable<SessionId> {
    return this.#of;
  }

  /** There may be something of this session. */
  add(session: SessionId): void {
    this.#of.add(session);
  }

  /**
   * Finds, once, what is left of sessions that ended while nobody was in charge. Only finds it: whether a session is over is for
   * the next look at everything to say. Throws what the runtime throws: to be called again.
   */
  async search(): Promise<void> {
    if (this.#searched) return;
    for await (const session of this.#runtime.kept()) this.add(session);
    this.#searched = true;
  }

  /** Resolves when nothing of this session is being removed. */
  async settled(session: SessionId): Promise<void> {
    await this.#removals.get(session)?.catch(() => {}); // heard of by whoever asked for it
  }

  /** Removes what there is. It has begun when this returns; calls at the same time share one removal. */
  async remove(session: SessionId): Promise<void> {
    if (!this.#of.has(session)) return;
    const removal = this.#removals.get(session) ?? this.#runtime.forget(session);
    this.#removals.set(session, removal);
    try {
      await removal;
      this.#of.delete(session);
    } finally {
      this.#removals.delete(session);
    }
  }
}
