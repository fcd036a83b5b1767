import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { StoreUnavailable } from '../../src/core/errors.ts';
import { RedisBus } from '../../src/store/redis/bus.ts';
import { RedisStore } from '../../src/store/redis/store.ts';
import { eventually } from '../support/eventually.ts';
import { collect, sessionRecord } from '../support/records.ts';
import { RedisCluster } from '../support/redis-cluster.ts';
import { requires } from '../support/requires.ts';

requires('redis')('a Redis Cluster', () => {
  let cluster: RedisCluster;
  beforeEach(async () => {
    cluster = await RedisCluster.start();
  });
  afterEach(() => cluster[Symbol.asyncDispose]());

  it('has sessions in all of its nodes, and lists them all', async () => {
    await using store = new RedisStore({ url: cluster.url, clock: systemClock, commandTimeoutMs: 10_000 });
    const records = Array.from({ length: 200 }, () => sessionRecord(Date.now()));
    for (const record of records) expect(await store.create(record)).toBe(true);
    const ids = (await collect(store)).map(({ id }) => id);
    expect(ids.toSorted()).toEqual(records.map(({ id }) => id).toSorted());
    for (const size of await cluster.sizes()) expect(size).toBeGreaterThan(10);
  });

  it('carries signals', async () => {
    await using one = new RedisBus({ url: cluster.url, clock: systemClock });
    await using two = new RedisBus({ url: cluster.url, clock: systemClock });
    const heard: string[] = [];
    using _ = two.on('channel', (text) => heard.push(text));
    await eventually('it is heard', async () => {
      await one.publish('channel', 'said');
      return heard.includes('said');
    });
  });

  it('is out of reach, and says so, when its nodes are gone', async () => {
    await using store = new RedisStore({ url: cluster.url, clock: systemClock });
    const record = sessionRecord(Date.now());
    await store.create(record);
    await cluster.kill();
    await expect(store.peek(record.id)).rejects.toBeInstanceOf(StoreUnavailable);
    await expect(store.create(sessionRecord(Date.now()))).rejects.toBeInstanceOf(StoreUnavailable);
  });
});
