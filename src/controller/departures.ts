import type { Clock } from '../core/clock.ts';
import type { SessionId } from '../core/ids.ts';
import type { SessionMeter } from '../core/meter.ts';
import type { InstanceLabels } from '../core/runtime.ts';
import type { SessionRecord } from '../core/session.ts';
import type { Lifecycle } from '../sessions/lifecycle.ts';

type Known = Pick<SessionRecord, 'id' | 'nonce' | 'owner' | 'maxAt'> & Partial<Pick<SessionRecord, 'createdAt'>>;

export interface DeparturesOptions {
  readonly lifecycle: Lifecycle;
  readonly clock: Clock;
  /** Absent: nothing is measured. */
  readonly sessionMeter?: SessionMeter;
}

/** Notices sessions that have expired: those that were there, are not any more, and that nobody has ended. */
export class Departures {
  readonly #options: DeparturesOptions;
  readonly #known = new Map<SessionId, Known>();

  constructor(options: DeparturesOptions) {
    this.#options = options;
  }

  /** The session is there. */
  saw({ id, nonce, owner, maxAt, createdAt }: Pick<SessionRecord, keyof Known>): void {
    const known = this.#known.get(id);
    this.#known.set(id, { id, nonce, owner, maxAt, createdAt });
    if (known && known.nonce !== nonce) void this.#tell(known);
  }

  /** An instance is there: its session was. */
  sawInstance({ session: id, nonce, owner, deadline: maxAt }: InstanceLabels): void {
    if (!this.#known.has(id)) this.#known.set(id, { id, nonce, owner, maxAt });
  }

  /** It was ended from here. */
  ended(id: SessionId): void {
    this.#known.delete(id);
  }

  /** The session is not there, and the store has lost nothing. */
  gone(id: SessionId): void {
    const known = this.#known.get(id);
    if (known && this.#known.delete(id)) void this.#tell(known);
  }

  async #tell(known: Known): Promise<void> {
    const { lifecycle, clock, sessionMeter } = this.#options;
    if (await lifecycle.wasEnded(known)) return;
    const reason = clock.now() >= known.maxAt ? 'it has reached its maximum age' : 'nobody used it';
    lifecycle.record({ name: 'session.expired', session: known.id, owner: known.owner, reason });
    sessionMeter?.sessionEnded('expired', known.createdAt && clock.now() - known.createdAt);
  }
}
