import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newNonce } from '../../src/core/ids.ts';
import { LocalSignals } from '../../src/core/local-signals.ts';
import { UNMEASURED } from '../../src/core/meter.ts';
import type { SessionRecord } from '../../src/core/session.ts';
import { SessionCache } from '../../src/gateway/mcp/session-cache.ts';
import { Tokens } from '../../src/sessions/tokens.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { FakeClock, settle } from '../fakes/fake-clock.ts';
import { FakeReply } from '../fakes/fake-reply.ts';
import { MemoryStore } from '../fakes/memory-store.ts';
import { connectionRecord, IDLE, sessionRecord } from '../support/records.ts';

const log = createLogger({ level: 'error' });
const HOLD_MS = 10_000;
const NO_OPERATION = UNMEASURED.operation('', '', '', 0);
const over = { code: 'session.over' };

describe('the sessions that a gateway knows', () => {
  let clock: FakeClock;
  let store: MemoryStore;
  let signals: LocalSignals;
  let tokens: Tokens;
  let cache: SessionCache;
  let record: SessionRecord;
  let token: string;

  beforeEach(async () => {
    clock = new FakeClock();
    store = new MemoryStore(clock);
    signals = new LocalSignals();
    tokens = new Tokens(Buffer.alloc(32), clock);
    cache = new SessionCache({ store, signals, tokens, clock, log, holdMs: HOLD_MS });
    record = sessionRecord(clock.now());
    token = tokens.issue(record);
    await store.create(record);
  });
  afterEach(() => cache[Symbol.dispose]());

  /** The terminal ends its session and begins another one, which has the same id. */
  async function renewed(signal: boolean): Promise<string> {
    await store.delete(record.id);
    const next = { ...record, nonce: newNonce() };
    await store.create(next);
    if (signal) signals.publish(record.id);
    await settle();
    return tokens.issue(next);
  }

  it('are looked up once, and kept', async () => {
    const live = await cache.admit(token);
    store.down = true;
    expect(await cache.admit(token)).toBe(live);
  });

  it('are waited for while the store is out of reach, if they are not known here, for so long', async () => {
    store.down = true;
    let found: unknown;
    const admitted = cache.admit(token).then((live) => {
      found = live;
    });
    await clock.advance(HOLD_MS / 2);
    expect(found).toBeUndefined();
    store.down = false;
    await clock.advance(HOLD_MS / 4);
    await admitted;
    expect(found).toMatchObject({ record: { id: record.id } });
  });

  it('are waited for at no cost of the request that is measured; a look that is answered at once is its own', async () => {
    const waits: number[] = [];
    const operation = { ...NO_OPERATION, waited: (ms: number) => void waits.push(ms) };
    const reply = Object.assign(new FakeReply(), { operation });
    await cache.enter(token, reply);
    expect(waits).toEqual([]);
    using other = new SessionCache({ store, signals, tokens, clock, log, holdMs: HOLD_MS });
    store.down = true;
    const entered = other.enter(token, reply);
    await clock.advance(HOLD_MS / 2);
    store.down = false;
    await clock.advance(HOLD_MS / 4);
    await entered;
    expect(waits).toEqual([expect.any(Number)]);
  });

  it('are not waited for any longer', async () => {
    store.down = true;
    const failed = expect(cache.admit(token)).rejects.toMatchObject({ code: 'store.unavailable', retryAfter: 1 });
    await clock.advance(HOLD_MS);
    await failed;
  });

  it('are looked at once at a time, however many signals come, and again for what came meanwhile', async () => {
    const live = await cache.admit(token);
    cache.use(live, { onClose: () => {} });
    const answer = Promise.withResolvers<void>();
    let looks = 0;
    store.afterPeek = async () => {
      looks += 1;
      await answer.promise;
    };
    for (let count = 0; count < 5; count++) signals.publish(record.id);
    await settle();
    expect(looks).toBe(1);
    answer.resolve();
    await settle();
    expect([looks, live.seen]).toEqual([2, live.heard]);
  });

  it.each([true, false])(
    'of a terminal that began another one admit its new token alone (signal: %s)',
    async (signal) => {
      const before = await cache.admit(token);
      before.conversations.set('c', {} as never);
      const newToken = await renewed(signal);
      const live = await cache.admit(newToken);
      expect(live.conversations.size).toBe(0);
      await expect(cache.admit(token)).rejects.toMatchObject(over);
      expect(await cache.admit(newToken)).toBe(live); // an old token takes nothing from those who have the new one
    },
  );

  it('never become another session by being touched', async () => {
    const before = await cache.admit(token);
    before.conversations.set('c', {} as never);
    const newToken = await renewed(false);
    await clock.advance(10_000);
    await cache.admit(token).catch(() => {}); // moves the deadline on
    await settle();
    expect((await cache.admit(newToken)).conversations.size).toBe(0);
    await expect(cache.admit(token)).rejects.toMatchObject(over);
  });

  it('are looked up again after a change, by everybody who comes before the answer', async () => {
    await cache.admit(token);
    await store.delete(record.id);
    signals.publish(record.id);
    await settle();
    const results = await Promise.allSettled([cache.admit(token), cache.admit(token)]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });

  it('are served on in an outage of the store, and nobody is told that his is over', async () => {
    const live = await cache.admit(token);
    const other = tokens.issue({ ...record, nonce: newNonce() });
    signals.publish(record.id);
    await settle();
    store.down = true;
    expect(await cache.admit(token)).toBe(live);
    const failed = expect(cache.admit(other)).rejects.toMatchObject({ code: 'store.unavailable' });
    await clock.advance(HOLD_MS);
    await failed;
  });

  it('[attack.idle] are kept alive by whoever waits for an answer or listens, and by nobody who has gone', async () => {
    const reply = new FakeReply();
    cache.use(await cache.admit(token), reply);
    for (let n = 0; n < 5; n++) {
      await clock.advance(IDLE / 2);
      cache.sweep();
      await settle();
    }
    expect(await store.deadline(record.id)).toBe(clock.now() + IDLE);
    reply.close();
    await clock.advance(IDLE / 2);
    cache.sweep();
    await clock.advance(IDLE / 2);
    await expect(
      cache
        .admit(token)
        .then(settle)
        .then(() => cache.admit(token)),
    ).rejects.toMatchObject(over);
  });

  it('have no connection any more that another replica has ended, whoever asks while that is looked up', async () => {
    const live = await cache.admit(token);
    const connection = connectionRecord(record.id);
    live.conversations.set(connection.id, { record: connection } as never);
    signals.publish(record.id);
    await settle();
    await cache.admit(token);
    const asked = [1, 2].map(() => cache.conversation(live, connection.id));
    expect(await Promise.all(asked)).toEqual([undefined, undefined]);
  });
});
