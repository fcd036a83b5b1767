import type { Clock } from '../core/clock.ts';
import type { ConnectionRecord } from '../core/connection.ts';
import { StoreEmptied } from '../core/errors.ts';
import type { ConnectionId, SessionId } from '../core/ids.ts';
import { type StoreMeter, UNMEASURED } from '../core/meter.ts';
import { backoffDelay } from '../core/retry.ts';
import type { SessionRecord } from '../core/session.ts';
import type { Signals } from '../core/signals.ts';
import type { ConnectionStore, SessionStore } from '../core/store.ts';
import { ifComplete } from './find-record.ts';

const BACKOFF = { baseMs: 20, maxMs: 250 };

export interface CompleteStoreOptions {
  readonly store: SessionStore & ConnectionStore;
  readonly signals: Signals;
  readonly clock: Clock;
  /** A number in [0, 1). */
  readonly random: () => number;
  /** How long to wait for an emptied store to be complete again, milliseconds. */
  readonly waitMs: number;
  /** Absent: nothing is measured. */
  readonly meter?: Pick<StoreMeter, 'storeEmptied'>;
}

/**
 * The store as gateways see it: one that lost its records is waited for until the controller has made them again, so that
 * nobody is told that a session is over which is not (D6), and nobody ends a session that then comes back. What is there is
 * answered at once, in one operation, as the store does; only for what is not there it is asked why.
 * Rejects with `StoreEmptied` when it takes too long.
 */
export class CompleteStore implements SessionStore, ConnectionStore {
  readonly #options: CompleteStoreOptions;
  readonly #store: SessionStore & ConnectionStore;

  constructor(options: CompleteStoreOptions) {
    this.#options = options;
    this.#store = options.store;
  }

  generation(): Promise<string | undefined> {
    return this.#store.generation();
  }
  prepare(generation: string): Promise<boolean> {
    return this.#store.prepare(generation);
  }
  begin(generation: string): Promise<boolean> {
    return this.#store.begin(generation);
  }

  create(record: SessionRecord): Promise<boolean> {
    return this.#complete(record.id, () => this.#store.create(record));
  }
  touch(id: SessionId): Promise<SessionRecord | undefined> {
    return this.#found(id, () => this.#store.touch(id));
  }
  peek(id: SessionId): Promise<SessionRecord | undefined> {
    return this.#found(id, () => this.#store.peek(id));
  }
  deadline(id: SessionId): Promise<number | undefined> {
    return this.#found(id, () => this.#store.deadline(id));
  }
  replace(next: SessionRecord): Promise<boolean> {
    return this.#store.replace(next); // who is told false looks at the record
  }
  delete(id: SessionId): Promise<boolean> {
    return this.#complete(id, () => this.#store.delete(id));
  }
  async *list(): AsyncIterable<SessionRecord> {
    await this.#complete('', async () => {});
    yield* this.#store.list();
  }

  async add(record: ConnectionRecord): Promise<boolean> {
    const add = async () => (await this.#store.add(record)) || undefined;
    return (await this.#found(record.session, add)) ?? false;
  }
  find(session: SessionId, id: ConnectionId): Promise<ConnectionRecord | undefined> {
    return this.#found(session, () => this.#store.find(session, id));
  }
  connections(session: SessionId): Promise<ConnectionRecord[]> {
    return this.#store.connections(session);
  }
  remove(session: SessionId, id: ConnectionId): Promise<boolean> {
    return this.#store.remove(session, id);
  }
  count(session: SessionId): Promise<number> {
    return this.#store.count(session);
  }

  async #found<T>(id: SessionId, look: () => Promise<T | undefined>): Promise<T | undefined> {
    return (await look()) ?? this.#complete(id, look);
  }

  /** `work`, done in a complete store: done again if the store was emptied meanwhile. */
  async #complete<T>(id: SessionId, work: () => Promise<T>): Promise<T> {
    const { clock, random, signals, waitMs, meter = UNMEASURED } = this.#options;
    const deadline = clock.now() + waitMs;
    for (let failures = 1; ; failures++) {
      try {
        return await ifComplete(this.#store, work);
      } catch (error) {
        if (error instanceof StoreEmptied && failures === 1) meter.storeEmptied();
        if (!(error instanceof StoreEmptied) || clock.now() >= deadline) throw error;
        signals.publish(id); // the controller looks, and sees why it is not there
        await clock.sleep(backoffDelay(BACKOFF, failures, random()) + 1);
      }
    }
  }
}
