import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { StoreUnavailable } from '../../src/core/errors.ts';
import { changed } from '../../src/core/session.ts';
import type { RedisOptions } from '../../src/store/redis/connection.ts';
import { RedisStore } from '../../src/store/redis/store.ts';
import { eventually } from '../support/eventually.ts';
import { collect, connectionRecord, sessionRecord } from '../support/records.ts';
import { RedisServer } from '../support/redis.ts';
import { requires } from '../support/requires.ts';

/** Of an operation where no outage is to be noticed: the machine may stand still for a while. */
const PATIENT = { commandTimeoutMs: 10_000 };

let server: RedisServer;
let store: RedisStore;

requires('redis')('redis store', () => {
  beforeAll(async () => {
    server = await RedisServer.start();
  });
  afterEach(async () => {
    await store[Symbol.asyncDispose]();
  });
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
  });

  describe('what it leaves in Redis', () => keySuite(PATIENT));
  describe('an outage', () => outageSuite({}));
  describe('a server that answers with an error', () => errorSuite(PATIENT));
});

/** A new one for each test. */
const opened = (options: Partial<RedisOptions>) =>
  beforeEach(() => {
    store = new RedisStore({ url: server.url, clock: systemClock, ...options });
  });

/** A client of the test's own, to look behind the store. */
async function look<T>(work: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(server.url);
  try {
    return await work(redis);
  } finally {
    redis.disconnect();
  }
}

/** Which connections Redis has, the one that asks among them. */
async function connections(): Promise<string[]> {
  const list = await look((redis) => redis.client('LIST'));
  return String(list).match(/\bid=\d+/g) ?? [];
}

/** Resolves when the store's connections are all later ones than `before`. */
async function expectReconnected(before: readonly string[]): Promise<void> {
  await eventually('new connection', async () => (await connections()).every((id) => !before.includes(id)));
}

function keySuite(options: Partial<RedisOptions>): void {
  opened(options);

  it('has a TTL, all but the deadlines', async () => {
    const record = sessionRecord(Date.now());
    await store.create(record);
    await store.add(connectionRecord(record.id));
    await store.replace(changed(record, { keep: true }));
    await store.touch(record.id);
    const ttls = await look(async (redis) => {
      const keys = await redis.keys('*');
      return Promise.all(keys.map(async (key) => ({ key, ttl: await redis.pttl(key) })));
    });
    expect(ttls.map(({ key }) => key).sort()).toEqual(['mcp:deadlines', `mcp:{${record.id}}:session`]);
    for (const { key, ttl } of ttls) {
      if (key === 'mcp:deadlines') expect(ttl).toBe(-1);
      else expect(ttl).toBeGreaterThan(0);
    }
  });

  it('is nothing once the sessions are over and somebody has looked', async () => {
    await look((redis) => redis.flushall());
    const records = Array.from({ length: 5 }, () => sessionRecord(Date.now(), { idleTtlMs: 50 }));
    for (const record of records) await store.create(record);
    await eventually('empty', async () => (await collect(store)).length === 0 && (await look((r) => r.dbsize())) === 0);
  });

  it('keeps its prefix to itself', async () => {
    await using other = new RedisStore({ url: server.url, prefix: 'other:', clock: systemClock, ...PATIENT });
    const record = sessionRecord(Date.now());
    await other.create(record);
    expect(await store.peek(record.id)).toBeUndefined();
    expect(await collect(other)).toEqual([record]);
    expect(await look((redis) => redis.keys('other:*'))).toHaveLength(2);
  });

  it('has deadlines that follow touch', async () => {
    const record = sessionRecord(Date.now());
    await store.create(record);
    await systemClock.sleep(5);
    await store.touch(record.id);
    const deadline = await store.deadline(record.id);
    await eventually('score', async () => Number(await look((r) => r.zscore('mcp:deadlines', record.id))) === deadline);
  });

  it('lists no session that is over, and forgets it only when its deadline has passed', async () => {
    const [over, coming] = [sessionRecord(Date.now()), sessionRecord(Date.now())];
    const now = Date.now();
    await look((redis) => redis.zadd('mcp:deadlines', now - 1, over.id, now + 60_000, coming.id));
    const listed = (await collect(store)).map(({ id }) => id);
    expect(listed).not.toContain(over.id);
    expect(listed).not.toContain(coming.id);
    expect(await look((redis) => redis.zscore('mcp:deadlines', over.id))).toBeNull();
    expect(await look((redis) => redis.zscore('mcp:deadlines', coming.id))).not.toBeNull();
  });

  it('names the session whose record somebody else has spoilt', async () => {
    const record = sessionRecord(Date.now());
    const { id } = record;
    await store.create(record);
    await look((redis) => redis.hset(`mcp:{${id}}:session`, 'record', '{"id":'));
    for (const read of [() => store.peek(id), () => store.touch(id), () => collect(store)])
      await expect(read()).rejects.toThrow(`the record of session ${id} cannot be read`);
    expect(await store.delete(id)).toBe(true);
  });
}

/** Every method, each of which must end in StoreUnavailable within the second that the contract gives it. */
async function expectUnavailable(): Promise<void> {
  const record = sessionRecord(Date.now());
  const connection = connectionRecord(record.id);
  const calls = [
    store.create(record),
    store.touch(record.id),
    store.peek(record.id),
    store.deadline(record.id),
    store.replace(record),
    store.delete(record.id),
    collect(store),
    store.add(connection),
    store.find(record.id, connection.id),
    store.remove(record.id, connection.id),
    store.count(record.id),
  ];
  const second = systemClock.sleep(1000).then(() => 'no answer within a second');
  const outcomes = await Promise.all(calls.map((call) => Promise.race([call.catch((error) => error), second])));
  for (const outcome of outcomes) expect(outcome).toBeInstanceOf(StoreUnavailable);
}

function outageSuite(options: Partial<RedisOptions>): void {
  opened(options);

  it('by a server that was stopped is told within a second, and heals', async () => {
    const record = sessionRecord(Date.now());
    await store.create(record);
    const before = await connections();
    server.pause();
    try {
      await expectUnavailable();
      await expectUnavailable();
    } finally {
      server.resume();
    }
    expect(await eventually('healed', () => store.touch(record.id))).toEqual(record);
    await expectReconnected(before); // one that does not answer is given up: its other end may be gone for good
  });

  it('by a server that was killed is told within a second, and heals', async () => {
    const record = sessionRecord(Date.now());
    await store.create(record);
    await server.kill();
    try {
      await expectUnavailable();
      await expectUnavailable();
    } finally {
      await server.restart();
    }
    expect(await eventually('healed', () => store.create(record))).toBe(true); // it came back empty
    expect(await store.touch(record.id)).toEqual(record);
  });

  it('from the start is told within a second, and heals', async () => {
    await server.kill();
    try {
      await store[Symbol.asyncDispose]();
      store = new RedisStore({ url: server.url, clock: systemClock });
      await expectUnavailable();
    } finally {
      await server.restart();
    }
    await eventually('healed', () => store.create(sessionRecord(Date.now())));
  });

  it('ends what was under way, and sends nothing a second time', async () => {
    const record = sessionRecord(Date.now());
    await store.create(record);
    server.pause();
    const replaced = store.replace(changed(record, { keep: true })).catch((error: unknown) => error);
    await server.kill();
    expect(await replaced).toBeInstanceOf(StoreUnavailable);
    await server.restart();
    await eventually('healed', async () => (await store.peek(record.id)) === undefined);
    expect(await look((redis) => redis.info('commandstats'))).not.toContain('cmdstat_eval');
  });

  it('does not keep the store from closing', async () => {
    server.pause();
    try {
      await store[Symbol.asyncDispose]();
    } finally {
      server.resume();
    }
    await expect(store.peek('gone-aaaaaaaaaaaaaaaa')).rejects.toBeInstanceOf(StoreUnavailable);
  });
}

function errorSuite(options: Partial<RedisOptions>): void {
  opened(options);

  it('that lost its scripts gets them again', async () => {
    const record = sessionRecord(Date.now());
    await store.create(record);
    await store.touch(record.id);
    await look((redis) => redis.script('FLUSH'));
    const touched = await Promise.all(Array.from({ length: 10 }, () => store.touch(record.id)));
    expect(touched).toEqual(Array.from({ length: 10 }, () => record));
  });

  it('that is full is unavailable, and not for being away', async () => {
    await look((redis) => redis.config('SET', 'maxmemory', 1));
    try {
      const refused = await store.create(sessionRecord(Date.now())).catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(StoreUnavailable);
      expect(String(refused)).toMatch(/OOM.*: it answers, and refuses/);
    } finally {
      await look((redis) => redis.config('SET', 'maxmemory', 0));
    }
    await store.create(sessionRecord(Date.now()));
  });

  it('that has become a replica is unavailable until there is a master', async () => {
    await store.create(sessionRecord(Date.now()));
    const before = await connections();
    await look((redis) => redis.replicaof('127.0.0.1', 1));
    try {
      await expect(store.create(sessionRecord(Date.now()))).rejects.toBeInstanceOf(StoreUnavailable);
      await expectReconnected(before); // the master may be elsewhere now
    } finally {
      await look((redis) => redis.replicaof('NO', 'ONE'));
    }
    await eventually('healed', () => store.create(sessionRecord(Date.now())));
  });

  it('does not give away the password', async () => {
    const url = server.url.replace('//', '//:hunter2@');
    await look((redis) => redis.config('SET', 'requirepass', 'other'));
    await using refused = new RedisStore({ url, clock: systemClock });
    const error: unknown = await refused.peek('gone-aaaaaaaaaaaaaaaa').catch((reason: unknown) => reason);
    const admin = new Redis(server.url, { password: 'other' });
    await admin.config('SET', 'requirepass', '');
    admin.disconnect();
    expect(error).toBeInstanceOf(StoreUnavailable);
    expect(String(error)).not.toContain('hunter2');
  });
}
