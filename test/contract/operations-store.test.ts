import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import type { OperationsStore } from '../../src/core/operations.ts';
import type { SessionRecord } from '../../src/core/session.ts';
import { EmbeddedOperations } from '../../src/store/embedded/operations.ts';
import { EmbeddedStore } from '../../src/store/embedded/store.ts';
import { RedisOperations } from '../../src/store/redis/operations.ts';
import { sessionRecord } from '../support/records.ts';
import { RedisServer } from '../support/redis.ts';
import { RedisCluster } from '../support/redis-cluster.ts';
import { requires } from '../support/requires.ts';
import { operationsStoreContract } from './operations-store.ts';
import { PATIENCE_MS, pairInFile, pairOn } from './pairs.ts';

const embedded = () => pairInFile((options) => new EmbeddedOperations(options));
const redis = (starting: Promise<RedisServer | RedisCluster>) =>
  pairOn(starting, (options) => new RedisOperations(options));

const EVENT = { at: 1, name: 'session.created', session: 'pts_1-abcdefghijklmnop', owner: 'o' } as const;

describe('embedded operations', () => {
  operationsStoreContract(embedded);

  it('keep the last events only', async () => {
    await using harness = await embedded();
    const [store] = harness.stores;
    for (let at = 0; at < 10_010; at++) await store.record({ ...EVENT, at });
    const { items } = await store.events({ limit: 20_000 });
    expect(items).toHaveLength(10_000);
    expect(items.at(-1)?.at).toBe(10);
  });

  it('share the file of the sessions, and add what it lacks', async () => {
    let kept: SessionRecord;
    const directory = await mkdtemp(join(tmpdir(), 'store-'));
    const options = { path: join(directory, 'store.db'), clock: systemClock };
    {
      await using store = new EmbeddedStore(options);
      await using operations = new EmbeddedOperations(options);
      const record = sessionRecord(Date.now());
      await store.create(record);
      await operations.record(EVENT);
      expect(await store.peek(record.id)).toEqual(record);
      const db = new DatabaseSync(options.path);
      const tables = ['replicas', 'events', 'audit', 'hits', 'marks'].map((table) => `DROP TABLE ${table};`);
      db.exec(`${tables.join(' ')} PRAGMA user_version = 2`); // as the program before these tables left it
      db.close();
      kept = record;
    }
    await using upgraded = new EmbeddedOperations(options);
    await upgraded.record(EVENT);
    expect((await upgraded.events({ limit: 10 })).items).toEqual([EVENT]);
    await using store = new EmbeddedStore(options);
    expect(await store.peek(kept.id)).toEqual(kept);
    await rm(directory, { recursive: true, force: true });
  });
});

requires('redis')('redis cluster operations', () => operationsStoreContract(() => redis(RedisCluster.start())));
requires('redis')('redis operations', () => {
  operationsStoreContract(() => redis(RedisServer.start()));

  it('keep the last events only', async () => {
    await using server = await RedisServer.start();
    await using store = new RedisOperations({ url: server.url, clock: systemClock, commandTimeoutMs: PATIENCE_MS });
    for (let at = 0; at < 12_000; at += 100)
      await Promise.all(Array.from({ length: 100 }, (_, n) => store.record({ ...EVENT, at: at + n })));
    const { items } = await store.events({ limit: 20_000 });
    expect(items.length).toBeLessThan(10_200);
    expect(items.length).toBeGreaterThanOrEqual(10_000);
    expect((await store.events({ session: EVENT.session, limit: 20_000 })).items.length).toBeLessThan(400);
  });

  it('say so when Redis is out of reach', async () => {
    const server = await RedisServer.start();
    await using store = new RedisOperations({ url: server.url, clock: systemClock, commandTimeoutMs: PATIENCE_MS });
    await store.mark('m', 60_000);
    await server.kill();
    const calls: ((store: OperationsStore) => Promise<unknown>)[] = [
      (it) => it.replicas(),
      (it) => it.withdraw('x'),
      (it) => it.record(EVENT),
      (it) => it.events({ limit: 1 }),
      (it) => it.audited({ limit: 1 }),
      (it) => it.hit('h', 1000),
      (it) => it.clear('h'),
      (it) => it.mark('m', 1000),
      (it) => it.marked('m'),
    ];
    await Promise.all(calls.map((call) => expect(call(store)).rejects.toMatchObject({ code: 'store.unavailable' })));
    await server[Symbol.asyncDispose]();
  });
});
