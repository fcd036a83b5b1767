import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { RedisLease, type RedisLeaseOptions } from '../../src/store/redis/lease.ts';
import { eventually } from '../support/eventually.ts';
import { clockAtSpeed } from '../support/process-place.ts';
import { RedisServer } from '../support/redis.ts';
import { requires } from '../support/requires.ts';

const KEY = 'mcp:{controller}:lease';
const EPOCH = 'mcp:{controller}:epoch';

requires('redis')('redis lease', () => {
  let server: RedisServer;
  let redis: Redis;
  beforeEach(async () => {
    server = await RedisServer.start();
    redis = new Redis(server.url);
    redis.on('error', () => {}); // some tests kill it
  });
  afterEach(async () => {
    redis.disconnect();
    await server[Symbol.asyncDispose]();
  });

  const acquire = (change: Partial<RedisLeaseOptions> = {}, signal = new AbortController().signal) =>
    RedisLease.acquire(
      {
        ...{ url: server.url, clock: systemClock, ttlMs: 1500, random: Math.random },
        monotonic: () => performance.now(),
        ...change,
      },
      signal,
    );

  it('is renewed as long as its holder lives', async () => {
    const ttlMs = 5000;
    // Renewed so often that it takes all of its time to lose it.
    const clock = clockAtSpeed(10);
    await using lease = await acquire({ ttlMs, clock, commandTimeoutMs: 100_000 });
    const taken = await redis.pexpiretime(KEY);
    await eventually('it is held for longer than it was taken for', async () => {
      expect(lease.lost.aborted).toBe(false);
      return (await redis.pexpiretime(KEY)) > taken + ttlMs;
    });
    expect(lease.lost.aborted).toBe(false);
  });

  it('is waited for, and given up waiting for', async () => {
    const lease = await acquire();
    const waiting = acquire();
    const tired = new AbortController();
    const another = acquire({}, tired.signal);
    tired.abort(new Error('tired'));
    await expect(another).rejects.toThrow('tired');
    await lease[Symbol.asyncDispose]();
    await using next = await waiting;
    expect(next.epoch).toBeGreaterThan(lease.epoch);
  });

  it('is waited for while Redis is out of reach', async () => {
    await server.kill();
    const waiting = acquire({ ttlMs: 9000 });
    await server.restart();
    await using lease = await waiting;
    expect(lease.lost.aborted).toBe(false);
  });

  it('is lost before another can have it, when Redis does not answer', async () => {
    await using lease = await acquire();
    server.pause();
    await eventually('it is lost', async () => lease.lost.aborted);
    server.resume();
    await using next = await acquire();
    expect(next.epoch).toBeGreaterThan(lease.epoch);
  });

  it('is lost for one that was held up, before any timer could tell', async () => {
    let behind = 0;
    await using lease = await acquire({ ttlMs: 9000, monotonic: () => performance.now() + behind });
    const { lost } = lease;
    expect(lost.aborted).toBe(false);
    behind = 10_000; // as after SIGSTOP: nothing has run since, and the time has passed
    expect(lease.lost.aborted).toBe(true);
    expect(lost.aborted).toBe(true);
  });

  it('is lost when somebody else has it, and left to him', async () => {
    const lease = await acquire();
    await redis.set(KEY, 'another', 'PX', 60_000);
    await eventually('it is lost', async () => lease.lost.aborted);
    await lease[Symbol.asyncDispose]();
    expect(await redis.get(KEY)).toBe('another');
  });

  it('is lost when Redis was emptied, and the next epoch is higher all the same', async () => {
    await using lease = await acquire();
    await redis.flushall();
    await eventually('it is lost', async () => lease.lost.aborted);
    await using next = await acquire();
    expect(next.epoch).toBeGreaterThan(lease.epoch);
  });

  it("has a higher epoch than the last one also if Redis' clock went back", async () => {
    await redis.set(EPOCH, String(Date.now() + 3_600_000));
    const last = Number(await redis.get(EPOCH));
    await using lease = await acquire();
    expect(lease.epoch).toBe(last + 1);
  });

  it('is free at once when it was released, and after its time when its holder was killed', async () => {
    await (await acquire({ ttlMs: 60_000 }))[Symbol.asyncDispose]();
    expect(await redis.exists(KEY)).toBe(0);
    await redis.set(KEY, 'one that was killed', 'PX', 300);
    await using lease = await acquire();
    expect(lease.epoch).toBeGreaterThan(0);
  });
});
