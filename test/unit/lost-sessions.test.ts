import { beforeEach, describe, expect, it } from 'vitest';
import { LocalSignals } from '../../src/core/local-signals.ts';
import { type GatewayMeter, type LookupResult, UNMEASURED } from '../../src/core/meter.ts';
import { LostSessions } from '../../src/gateway/mcp/lost-sessions.ts';
import { SessionCache } from '../../src/gateway/mcp/session-cache.ts';
import { Tokens } from '../../src/sessions/tokens.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { FakeClock } from '../fakes/fake-clock.ts';
import { KeptLifecycle } from '../fakes/kept-lifecycle.ts';
import { MemoryStore } from '../fakes/memory-store.ts';
import { sessionRecord } from '../support/records.ts';

const IDLE_MS = 30 * 60_000;
const HOUR_MS = 3_600_000;

describe('sessions that are not there', () => {
  let clock: FakeClock;
  let store: MemoryStore;
  let lifecycle: KeptLifecycle & { unknown?: boolean };
  let tokens: Tokens;
  let found: LookupResult[];
  let lines: Record<string, unknown>[];
  let record: ReturnType<typeof sessionRecord>;
  let token: string;

  beforeEach(async () => {
    clock = new FakeClock();
    store = new MemoryStore(clock);
    lifecycle = new KeptLifecycle();
    tokens = new Tokens(Buffer.alloc(32), clock);
    found = [];
    lines = [];
    record = sessionRecord(clock.now(), { idleTtlMs: IDLE_MS, maxAt: clock.now() + 24 * HOUR_MS });
    await store.create(record);
    token = tokens.issue(record);
  });

  /** A replica that has just been started. */
  function replica(): SessionCache {
    const meter: GatewayMeter = { ...UNMEASURED, lookup: (result) => void found.push(result) };
    const signals = new LocalSignals();
    const destination = { write: (line: string) => void lines.push(JSON.parse(line)) };
    const log = createLogger({ level: 'warn', destination });
    const lost = new LostSessions({ lifecycle, clock, log });
    return new SessionCache({ store, signals, tokens, clock, log, holdMs: 1000, lost, meter });
  }
  const over = (cache: SessionCache) => expect(cache.admit(token)).rejects.toMatchObject({ code: 'session.over' });
  /** Used now, and so kept alive. */
  async function used(cache: SessionCache): Promise<void> {
    await cache.admit(token);
    await clock.advance(1);
  }

  it('are over when they have expired, at replicas that served them and at others', async () => {
    using cache = replica();
    await used(cache);
    await clock.advance(IDLE_MS + 1000);
    cache.sweep();
    await over(cache);
    using other = replica();
    await over(other);
    expect(found).toEqual(['alive', 'over', 'over']);
  });

  it('are over at the maximum age', async () => {
    using cache = replica();
    for (let hour = 0; hour < 23.9; hour += 0.4) {
      await used(cache);
      await clock.advance(0.4 * HOUR_MS);
    }
    expect(found).not.toContain('lost');
    await store.delete(record.id);
    await expect(cache.admit(token)).rejects.toThrow();
    expect(found).not.toContain('lost');
  });

  it('are over when somebody has ended them, whatever is known by then', async () => {
    using cache = replica();
    await used(cache);
    await lifecycle.ending(record);
    await store.delete(record.id);
    await cache.missed(record);
    await over(cache);
    lifecycle.wasEnded = async () => false; // the store has lost the mark
    await over(cache);
    expect(found).toEqual(['alive', 'over', 'over']);
  });

  it('are lost when they are gone before their idle deadline, wherever the client comes', async () => {
    using cache = replica();
    await clock.advance(IDLE_MS / 2);
    await used(cache); // kept alive until then + idle time
    await clock.advance(IDLE_MS - 60_000);
    await store.delete(record.id);
    await cache.missed(record);
    await over(cache);
    expect(found).toEqual(['alive', 'lost', 'lost']);
    expect(lines).toMatchObject([{ session: record.id, message: 'a session that nobody has ended is gone' }]); // once
    using other = replica(); // which knows the token alone, and that is old
    await over(other);
    expect(found.at(-1)).toBe('over');
  });

  it('are lost at a replica that never served them, if their token is young', async () => {
    await clock.advance(IDLE_MS / 2);
    await store.delete(record.id);
    using cache = replica();
    await over(cache);
    expect(found).toEqual(['lost']);
    expect(lines).toMatchObject([{ session: record.id, message: 'a session that nobody has ended is gone' }]);
  });

  it('are over where it cannot be known whether they were ended', async () => {
    lifecycle.wasEnded = async () => undefined as unknown as boolean;
    await store.delete(record.id);
    using cache = replica();
    await over(cache);
    expect(found).toEqual(['over']);
    expect(lines).toEqual([]);
  });

  it('are over when the terminal has another session by now and the first has expired', async () => {
    using cache = replica();
    await used(cache);
    await clock.advance(IDLE_MS + 1000);
    cache.sweep();
    await store.create({ ...record, nonce: 'another1', maxAt: clock.now() + 24 * HOUR_MS });
    await over(cache);
    expect(found).toEqual(['alive', 'over']);
  });
});
