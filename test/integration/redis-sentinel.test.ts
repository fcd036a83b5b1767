import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { StoreUnavailable } from '../../src/core/errors.ts';
import type { SessionRecord } from '../../src/core/session.ts';
import { RedisBus } from '../../src/store/redis/bus.ts';
import { RedisLease } from '../../src/store/redis/lease.ts';
import { RedisStore } from '../../src/store/redis/store.ts';
import { eventually } from '../support/eventually.ts';
import { collect, sessionRecord } from '../support/records.ts';
import { RedisSentinels } from '../support/redis-sentinels.ts';
import { requires } from '../support/requires.ts';

/** A failover takes seconds. */
vi.setConfig({ testTimeout: 90_000, hookTimeout: 60_000 });
const FAILOVER_MS = 40_000;
/** Less than a Sentinel waits before it takes a master for dead. */
const LEASE_MS = 800;
/** Those who open sessions at the same time. */
const TERMINALS = 8;

requires('redis')('a store with Sentinels', () => {
  let sentinels: RedisSentinels;
  let store: RedisStore;
  beforeEach(async () => {
    sentinels = await RedisSentinels.start();
    store = new RedisStore({ url: sentinels.url, clock: systemClock });
  });
  afterEach(async () => {
    await store[Symbol.asyncDispose]();
    await sentinels[Symbol.asyncDispose]();
  });

  /** Opens one session after the other until told to stop; returns those that it was told are there. */
  async function load(stop: AbortSignal): Promise<{ records: SessionRecord[]; refused: number }> {
    const records: SessionRecord[] = [];
    let refused = 0;
    while (!stop.aborted) {
      const record = sessionRecord(Date.now());
      try {
        if (await store.create(record)) records.push(record);
      } catch (error) {
        if (!(error instanceof StoreUnavailable)) throw error;
        refused += 1;
        await systemClock.sleep(20);
      }
    }
    return { records, refused };
  }

  const worksAgain = () =>
    eventually('it serves', async () => store.create(sessionRecord(Date.now())).catch(() => false), FAILOVER_MS);

  describe.each(['SIGKILL', 'SIGSTOP'] as const)('whose master gets %s under load', (signal) => {
    it('loses no session that was opened, and never takes an outage for an answer', async () => {
      const stop = new AbortController();
      const loads = Array.from({ length: TERMINALS }, () => load(stop.signal));
      await eventually('there are some', async () => (await collect(store)).length > 100);
      const old = await sentinels.signal(signal);
      await eventually('another is the master', async () => (await sentinels.master()) !== old, FAILOVER_MS);
      await worksAgain();
      stop.abort();
      const done = await Promise.all(loads);
      expect(done.reduce((sum, { refused }) => sum + refused, 0)).toBeGreaterThan(0);
      if (signal === 'SIGSTOP') sentinels.resume(old); // it comes back as a replica of the new one
      const there = new Set((await collect(store)).map(({ id }) => id));
      const lost = done.flatMap(({ records }) => records).filter(({ id }) => !there.has(id));
      expect(lost).toEqual([]);
      for (const { records } of done) expect(await store.peek(records.at(-1)?.id ?? '')).toEqual(records.at(-1));
    });
  });

  it('waits for a replica before it says of a session that it is there, or gone', async () => {
    await using patient = new RedisStore({ url: sentinels.url, clock: systemClock, commandTimeoutMs: 10_000 });
    const master = new Redis(await sentinels.masterUrl());
    const waits = async () => Number(/^cmdstat_wait:calls=(\d+)/m.exec(await master.info('commandstats'))?.[1] ?? 0);
    try {
      const record = sessionRecord(Date.now());
      expect(await patient.create(record)).toBe(true);
      expect(await waits()).toBe(1);
      expect(await patient.create(record)).toBe(false);
      expect(await patient.peek(record.id)).toEqual(record);
      expect(await waits()).toBe(1);
      expect(await patient.delete(record.id)).toBe(true);
      expect(await waits()).toBe(2);
    } finally {
      master.disconnect();
    }
  });

  it('does without a Sentinel that is gone', async () => {
    await sentinels.killSentinel();
    await using another = new RedisStore({ url: sentinels.url, clock: systemClock });
    const record = sessionRecord(Date.now());
    await eventually('it serves', () => another.create(record).catch(() => false));
    expect(await store.peek(record.id)).toEqual(record);
  });

  it('hears what is said, and gives the lease to one alone, after a failover too', async () => {
    await using bus = new RedisBus({ url: sentinels.url, clock: systemClock });
    const heard: string[] = [];
    using _ = bus.on('channel', (text) => heard.push(text));
    await eventually(
      'it listens',
      async () => (await bus.publish('channel', 'before')) > 0 && heard.includes('before'),
    );
    const options = { url: sentinels.url, clock: systemClock, random: Math.random, ttlMs: LEASE_MS };
    const acquire = () =>
      RedisLease.acquire({ ...options, monotonic: () => performance.now() }, AbortSignal.timeout(FAILOVER_MS));
    const first = await acquire();
    const old = await sentinels.signal('SIGKILL');
    await eventually('another is the master', async () => (await sentinels.master()) !== old, FAILOVER_MS);
    await worksAgain();
    await using second = await acquire();
    expect(first.lost.aborted).toBe(true);
    expect(second.epoch).toBeGreaterThan(first.epoch);
    await first[Symbol.asyncDispose]();
    const says = async () => (await bus.publish('channel', 'after').catch(() => 0)) > 0 && heard.includes('after');
    await eventually('it hears again', says);
  });
});
