import type { SessionId } from '../core/ids.ts';
import type { SessionRecord } from '../core/session.ts';

/** What was seen longer ago says little about what is now, milliseconds. */
const FRESH_MS = 10 * 60_000;

/**
 * The records of all sessions, as the controllers of one process saw them last. Outlives a lease: what empties a store takes
 * the lease that is kept in it along.
 */
export class RecordMemory {
  #records = new Map<SessionId, SessionRecord>();
  #at = Number.NEGATIVE_INFINITY;

  /** These are all that there are. `now`: milliseconds since the epoch. */
  sawAll(records: ReadonlyMap<SessionId, SessionRecord>, now: number): void {
    this.#records = new Map(records);
    this.#at = now;
  }

  /** The session is as this record says. */
  saw(record: SessionRecord): void {
    this.#records.set(record.id, record);
  }

  /** The session is over: nothing of it comes back. */
  over(session: SessionId): void {
    this.#records.delete(session);
  }

  /** What is remembered, if it is from not long ago. */
  recent(now: number): Iterable<SessionRecord> {
    return now - this.#at <= FRESH_MS ? this.#records.values() : [];
  }
}
