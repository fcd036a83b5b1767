import type { ConnectionRecord } from '../core/connection.ts';
import type { ConnectionId, SessionId } from '../core/ids.ts';
import type { StoreMeter, StoreOperation } from '../core/meter.ts';
import type { SessionRecord } from '../core/session.ts';
import type { ConnectionStore, SessionStore } from '../core/store.ts';

type Store = SessionStore & ConnectionStore & AsyncDisposable;

/** A store of which every operation is timed, and every failure counted. */
export class MeasuredStore implements SessionStore, ConnectionStore, AsyncDisposable {
  readonly #store: Store;
  readonly #meter: StoreMeter;

  constructor(store: Store, meter: StoreMeter) {
    this.#store = store;
    this.#meter = meter;
  }

  generation(): Promise<string | undefined> {
    return this.#timed('read', () => this.#store.generation());
  }
  prepare(generation: string): Promise<boolean> {
    return this.#timed('write', () => this.#store.prepare(generation));
  }
  begin(generation: string): Promise<boolean> {
    return this.#timed('write', () => this.#store.begin(generation));
  }
  create(record: SessionRecord): Promise<boolean> {
    return this.#timed('write', () => this.#store.create(record));
  }
  touch(id: SessionId): Promise<SessionRecord | undefined> {
    return this.#timed('touch', () => this.#store.touch(id));
  }
  peek(id: SessionId): Promise<SessionRecord | undefined> {
    return this.#timed('read', () => this.#store.peek(id));
  }
  deadline(id: SessionId): Promise<number | undefined> {
    return this.#timed('read', () => this.#store.deadline(id));
  }
  replace(next: SessionRecord): Promise<boolean> {
    return this.#timed('write', () => this.#store.replace(next));
  }
  delete(id: SessionId): Promise<boolean> {
    return this.#timed('write', () => this.#store.delete(id));
  }

  /** The time that whoever lists takes between two records counts too. */
  async *list(): AsyncIterable<SessionRecord> {
    const startedAt = performance.now();
    try {
      yield* this.#store.list();
      this.#meter.storeOperation('list', performance.now() - startedAt, undefined);
    } catch (error) {
      this.#meter.storeOperation('list', performance.now() - startedAt, error);
      throw error;
    }
  }

  add(record: ConnectionRecord): Promise<boolean> {
    return this.#timed('connection', () => this.#store.add(record));
  }
  find(session: SessionId, id: ConnectionId): Promise<ConnectionRecord | undefined> {
    return this.#timed('connection', () => this.#store.find(session, id));
  }
  connections(session: SessionId): Promise<ConnectionRecord[]> {
    return this.#timed('connection', () => this.#store.connections(session));
  }
  remove(session: SessionId, id: ConnectionId): Promise<boolean> {
    return this.#timed('connection', () => this.#store.remove(session, id));
  }
  count(session: SessionId): Promise<number> {
    return this.#timed('connection', () => this.#store.count(session));
  }

  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.#store[Symbol.asyncDispose]();
  }

  async #timed<T>(operation: StoreOperation, work: () => Promise<T>): Promise<T> {
    const startedAt = performance.now();
    try {
      const result = await work();
      this.#meter.storeOperation(operation, performance.now() - startedAt, undefined);
      return result;
    } catch (error) {
      this.#meter.storeOperation(operation, performance.now() - startedAt, error);
      throw error;
    }
  }
}
