import { afterAll, beforeAll, expect } from 'vitest';
import type { ConnectionRecord } from '../../src/core/connection.ts';
import { changed, type SessionRecord } from '../../src/core/session.ts';
import type { ConnectionStore, SessionStore } from '../../src/core/store.ts';
import { collect, sessionRecord } from '../support/records.ts';
import type { Pair } from './pairs.ts';

export type Store = SessionStore & ConnectionStore;

/** Two handles on one store, open while the tests of the surrounding suite run. */
export class StorePair {
  #pair: Pair<Store> | undefined;

  constructor(open: () => Promise<Pair<Store>>) {
    beforeAll(async () => {
      this.#pair = await open();
    });
    afterAll(async () => {
      await this.#pair?.[Symbol.asyncDispose]();
    });
  }

  get a(): Store {
    return this.#open.stores[0];
  }

  get b(): Store {
    return this.#open.stores[1];
  }

  now(): number {
    return this.#open.now();
  }

  pass(ms: number): Promise<void> {
    return this.#open.pass(ms);
  }

  /** Creates a session. */
  async made(change: Partial<SessionRecord> = {}): Promise<SessionRecord> {
    const record = sessionRecord(this.now(), change);
    expect(await this.a.create(record)).toBe(true);
    return record;
  }

  get #open(): Pair<Store> {
    if (!this.#pair) throw new Error('the store is not open yet');
    return this.#pair;
  }
}

/** A session that is over is not there for any method. */
export async function expectAbsent(store: Store, record: SessionRecord, connection: ConnectionRecord): Promise<void> {
  expect(await store.peek(record.id)).toBeUndefined();
  expect(await store.touch(record.id)).toBeUndefined();
  expect(await store.deadline(record.id)).toBeUndefined();
  expect(await store.replace(changed(record, { keep: true }))).toBe(false);
  expect(await store.delete(record.id)).toBe(false);
  expect(await store.add(connection)).toBe(false);
  expect(await store.find(record.id, connection.id)).toBeUndefined();
  expect(await store.connections(record.id)).toEqual([]);
  expect(await store.remove(record.id, connection.id)).toBe(false);
  expect(await store.count(record.id)).toBe(0);
  expect((await collect(store)).map(({ id }) => id)).not.toContain(record.id);
}
