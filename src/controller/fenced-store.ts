import { AppError } from '../core/errors.ts';
import type { SessionId } from '../core/ids.ts';
import type { Lease } from '../core/lease.ts';
import type { SessionRecord } from '../core/session.ts';
import type { SessionStore } from '../core/store.ts';

/**
 * The store as one holder of the lease may use it. Every record that it writes carries its epoch, and it writes over no
 * record that carries a higher one. That holds at every moment, because `replace` compares the version: what is written
 * over is the very record that was read, epoch included. A holder that was stopped and has lost the lease unawares finds
 * the records that its successor has dealt with closed to it (docs/adr/0008-fenced-by-the-record.md).
 *
 * Not fenced: `delete`, of a session whose terminal is gone, which stays true. `create` writes where no record is.
 */
export class FencedStore implements SessionStore {
  readonly #store: SessionStore;
  readonly #lease: Lease;
  readonly #onFenced: (reason: Error) => void;

  /** @param onFenced called when somebody else turns out to be in charge; the write is refused with `lease.held` */
  constructor(store: SessionStore, lease: Lease, onFenced: (reason: Error) => void) {
    this.#store = store;
    this.#lease = lease;
    this.#onFenced = onFenced;
  }

  async replace(next: SessionRecord): Promise<boolean> {
    this.#check(next.epoch ?? 0);
    return this.#store.replace({ ...next, epoch: this.#lease.epoch });
  }

  async create(record: SessionRecord): Promise<boolean> {
    this.#check(0);
    return this.#store.create({ ...record, epoch: this.#lease.epoch });
  }

  async delete(id: SessionId): Promise<boolean> {
    this.#check(0);
    return this.#store.delete(id);
  }

  async prepare(generation: string): Promise<boolean> {
    this.#check(0);
    return this.#store.prepare(generation);
  }

  async begin(generation: string): Promise<boolean> {
    this.#check(0);
    return this.#store.begin(generation);
  }

  generation(): Promise<string | undefined> {
    return this.#store.generation();
  }
  touch(id: SessionId): Promise<SessionRecord | undefined> {
    return this.#store.touch(id);
  }
  peek(id: SessionId): Promise<SessionRecord | undefined> {
    return this.#store.peek(id);
  }
  deadline(id: SessionId): Promise<number | undefined> {
    return this.#store.deadline(id);
  }
  list(): AsyncIterable<SessionRecord> {
    return this.#store.list();
  }

  #check(epoch: number): void {
    const { lost, epoch: mine } = this.#lease;
    if (!lost.aborted && epoch <= mine) return;
    const error = new AppError('lease.held', 'Another controller is in charge');
    this.#onFenced(error);
    throw error;
  }
}
