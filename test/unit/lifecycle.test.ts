import { describe, expect, it } from 'vitest';
import { StoreUnavailable } from '../../src/core/errors.ts';
import type { LifecycleEvent } from '../../src/core/operations.ts';
import { LifecycleLog } from '../../src/sessions/lifecycle.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { FakeClock, settle } from '../fakes/fake-clock.ts';
import { ControlPlane } from '../support/control-plane.ts';

describe('the life of a session', () => {
  it('is told from its start to its end', async () => {
    const plane = await new ControlPlane().up();
    const { id } = await plane.open({ servers: ['filesystem'] });
    await plane.open({ servers: ['filesystem'] });
    await plane.sessions.setServer(id, 'filesystem', 'restart');
    await settle();
    await plane.sessions.setServer(id, 'filesystem', 'stop');
    await settle();
    await plane.sessions.end(id);
    await settle();
    expect(plane.lifecycle.names(id)).toEqual([
      'session.created',
      'instance.starting',
      'instance.ready',
      'session.resumed',
      'instance.stopped',
      'instance.starting',
      'instance.ready',
      'instance.restarted',
      'instance.stopped',
      'session.ended',
    ]);
    expect(plane.lifecycle.occurrences.every(({ owner }) => owner === 'owner')).toBe(true);
    await plane.down();
  });

  it('says when an instance died, and that it was started again', async () => {
    const plane = await new ControlPlane().up();
    const { id } = await plane.open({ servers: ['filesystem'] });
    plane.runtime.die(id, 'filesystem', 'killed by somebody');
    plane.signals.publish(id);
    await settle();
    await plane.clock.advance(60_000);
    const [failed, restarted] = ['instance.failed', 'instance.restarted'].map((wanted) =>
      plane.lifecycle.occurrences.find((one) => one.name === wanted),
    );
    expect(failed).toMatchObject({ session: id, server: 'filesystem', incarnation: 1, reason: 'killed by somebody' });
    expect(restarted).toMatchObject({ incarnation: 2, reason: 'killed by somebody' });
    await plane.down();
  });

  it('ends by expiry once, if nobody ended it, and by whose terminal is gone otherwise', async () => {
    const plane = await new ControlPlane({ idleTtlMs: 20_000 }).up();
    const expired = await plane.open({}, 100);
    await plane.clock.advance(30_000);
    const abandoned = await plane.open({}, 200);
    plane.deadLeaders.add(200);
    await plane.clock.advance(12_000);
    const ends = (id: string) => plane.lifecycle.names(id).filter((name) => /ended|expired/.test(name));
    expect(ends(expired.id)).toEqual(['session.expired']);
    expect(ends(abandoned.id)).toEqual(['session.ended']);
    const reasons = plane.lifecycle.occurrences.filter(({ name }) => /ended|expired/.test(name));
    expect(reasons.map(({ reason }) => reason)).toEqual(['nobody used it', 'its terminal is gone']);
    await plane.down();
  });

  it('says that a session reached its maximum age', async () => {
    const plane = await new ControlPlane({ idleTtlMs: 20_000, maxAgeMs: 20_000 }).up();
    await plane.open();
    await plane.clock.advance(30_000);
    expect(plane.lifecycle.occurrences.at(-1)).toMatchObject({ reason: 'its session is over' });
    const over = plane.lifecycle.occurrences.find(({ name }) => name === 'session.expired');
    expect(over?.reason).toBe('it has reached its maximum age');
    await plane.down();
  });
});

describe('the log of lives', () => {
  const OCCURRENCE = { name: 'session.created', session: 'pts_1-abcdefghijklmnop', owner: 'o' } as const;

  function opened() {
    const clock = new FakeClock();
    const written: LifecycleEvent[] = [];
    const lines: Record<string, unknown>[] = [];
    const store = { down: false };
    const write = (line: string) => void lines.push(JSON.parse(line));
    const operations = {
      record: async (event: LifecycleEvent) => {
        if (store.down) throw new StoreUnavailable('gone');
        written.push(event);
      },
      mark: async () => {},
      marked: async () => {
        throw new StoreUnavailable('gone');
      },
    };
    const log = createLogger({ level: 'info', destination: { write } });
    return { clock, written, lines, store, lives: new LifecycleLog({ operations, clock, log }) };
  }

  it('has an entry for each event, and the store has it', async () => {
    const { lives, written, lines, clock } = opened();
    lives.record({ ...OCCURRENCE, name: 'session.ended', reason: 'it was asked to' });
    await settle();
    expect(written).toEqual([{ ...OCCURRENCE, at: clock.now(), name: 'session.ended', reason: 'it was asked to' }]);
    const { session } = OCCURRENCE;
    expect(lines).toEqual([expect.objectContaining({ event: 'session.ended', session, reason: 'it was asked to' })]);
  });

  it("keeps a server's own words out of the log", async () => {
    const { lives, written, lines } = opened();
    lives.record({ ...OCCURRENCE, name: 'instance.failed', reason: `it said hunter2${'x'.repeat(9999)}` });
    await settle();
    expect(JSON.stringify(lines)).not.toContain('hunter2');
    expect(written[0]?.reason).toHaveLength(500);
  });

  it('waits for a store that is out of reach, and keeps the order', async () => {
    const { lives, written, lines, store, clock } = opened();
    store.down = true;
    for (const session of ['a', 'b', 'c']) lives.record({ ...OCCURRENCE, session });
    await clock.advance(5000);
    expect(written).toEqual([]);
    expect(lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
    store.down = false;
    await clock.advance(1000);
    expect(written.map(({ session }) => session)).toEqual(['a', 'b', 'c']);
  });

  it('has a bound, and ends without waiting', async () => {
    const { lives, written, store } = opened();
    store.down = true;
    for (let n = 0; n < 600; n++) lives.record({ ...OCCURRENCE, session: String(n) });
    await settle();
    store.down = false;
    await lives[Symbol.asyncDispose]();
    expect(written).toHaveLength(500);
    expect(written.at(-1)?.session).toBe('599');
    store.down = true;
    lives.record(OCCURRENCE);
    await lives[Symbol.asyncDispose]();
    expect(written).toHaveLength(500);
  });

  it('knows whom it has ended itself, whatever the store has lost; of the others what the store says', async () => {
    const operations = { record: async () => {}, mark: async () => {}, marked: async () => false };
    const lives = new LifecycleLog({ operations, clock: new FakeClock(), log: createLogger({ level: 'error' }) });
    const ended = { id: 'pts_1-abcdefghijklmnop', nonce: 'first' };
    await lives.ending(ended);
    expect(await lives.wasEnded(ended)).toBe(true);
    expect(await lives.wasEnded({ ...ended, nonce: 'second' })).toBe(false);
  });

  it('does not say whether it was ended where it cannot be known', async () => {
    expect(await opened().lives.wasEnded({ id: 'a', nonce: 'b' })).toBeUndefined();
  });
});
