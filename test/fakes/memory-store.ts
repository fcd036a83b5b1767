import type { Clock } from '../../src/core/clock.ts';
import type { ConnectionRecord } from '../../src/core/connection.ts';
import { StoreUnavailable } from '../../src/core/errors.ts';
import type { ConnectionId, SessionId } from '../../src/core/ids.ts';
import type { SessionRecord } from '../../src/core/session.ts';
import type { ConnectionStore, SessionStore } from '../../src/core/store.ts';

interface Row {
  record: SessionRecord;
  deadline: number;
  readonly connections: Map<ConnectionId, ConnectionRecord>;
}

/** A store in memory that can be out of reach. */
export class MemoryStore implements SessionStore, ConnectionStore {
  /** While true, everything throws StoreUnavailable. */
  down = false;
  /** Called after each `peek`, before its caller sees the answer: for somebody who is faster. */
  afterPeek: (record: SessionRecord) => Promise<void> = async () => {};
  readonly #clock: Clock;
  readonly #rows = new Map<SessionId, Row>();

  #generation: string | undefined;
  #prepared: string | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Everything in it is lost, as with FLUSHALL. */
  empty(): void {
    this.#rows.clear();
    this.#generation = undefined;
    this.#prepared = undefined;
  }

  async generation(): Promise<string | undefined> {
    this.#reach();
    return this.#generation;
  }

  async prepare(generation: string): Promise<boolean> {
    this.#reach();
    if (this.#generation === undefined) this.#prepared = generation;
    return this.#generation === undefined;
  }

  async begin(generation: string): Promise<boolean> {
    this.#reach();
    if (this.#generation !== undefined || this.#prepared !== generation) return false;
    this.#generation = generation;
    return true;
  }

  async create(record: SessionRecord): Promise<boolean> {
    if (this.#row(record.id)) return false;
    const row = { record: structuredClone(record), deadline: 0, connections: new Map() };
    this.#slide(row);
    this.#rows.set(record.id, row);
    return true;
  }

  async touch(id: SessionId): Promise<SessionRecord | undefined> {
    const row = this.#row(id);
    if (row) this.#slide(row);
    return row && structuredClone(row.record);
  }

  async peek(id: SessionId): Promise<SessionRecord | undefined> {
    const row = this.#row(id);
    const record = row && structuredClone(row.record);
    if (record) await this.afterPeek(record);
    return record;
  }

  async deadline(id: SessionId): Promise<number | undefined> {
    return this.#row(id)?.deadline;
  }

  async replace(next: SessionRecord): Promise<boolean> {
    const row = this.#row(next.id);
    if (!row || row.record.nonce !== next.nonce || row.record.version !== next.version - 1) return false;
    row.record = structuredClone(next);
    row.deadline = Math.min(row.deadline, next.maxAt);
    return true;
  }

  async delete(id: SessionId): Promise<boolean> {
    return this.#row(id) !== undefined && this.#rows.delete(id);
  }

  async *list(): AsyncIterable<SessionRecord> {
    this.#reach();
    for (const id of [...this.#rows.keys()]) {
      const row = this.#row(id);
      if (row) yield structuredClone(row.record);
    }
  }

  async add(record: ConnectionRecord): Promise<boolean> {
    const row = this.#row(record.session);
    row?.connections.set(record.id, structuredClone(record));
    return row !== undefined;
  }

  async find(session: SessionId, id: ConnectionId): Promise<ConnectionRecord | undefined> {
    return structuredClone(this.#row(session)?.connections.get(id));
  }

  async connections(session: SessionId): Promise<ConnectionRecord[]> {
    return structuredClone([...(this.#row(session)?.connections.values() ?? [])]);
  }

  async remove(session: SessionId, id: ConnectionId): Promise<boolean> {
    return this.#row(session)?.connections.delete(id) ?? false;
  }

  async count(session: SessionId): Promise<number> {
    return this.#row(session)?.connections.size ?? 0;
  }

  #slide(row: Row): void {
    row.deadline = Math.min(this.#clock.now() + row.record.idleTtlMs, row.record.maxAt);
  }

  #reach(): void {
    if (this.down) throw new StoreUnavailable('the store is down');
  }

  #row(id: SessionId): Row | undefined {
    this.#reach();
    const row = this.#rows.get(id);
    if (row && row.deadline <= this.#clock.now()) this.#rows.delete(id);
    return this.#rows.get(id);
  }
}
