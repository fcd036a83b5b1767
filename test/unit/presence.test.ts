import { describe, expect, it } from 'vitest';
import { StoreUnavailable } from '../../src/core/errors.ts';
import { drainMark, type ReplicaReport } from '../../src/core/operations.ts';
import { Presence } from '../../src/roles/presence.ts';
import { FakeClock, settle } from '../fakes/fake-clock.ts';

function present() {
  const clock = new FakeClock();
  const said: ReplicaReport[] = [];
  const withdrawn: string[] = [];
  const marks = new Set<string>();
  const state = { down: false, draining: false };
  const asked = async <T>(work: () => T) => {
    if (state.down) throw new StoreUnavailable('gone');
    return work();
  };
  const operations = {
    announce: (report: ReplicaReport, ttlMs: number) =>
      asked(() => {
        expect(ttlMs).toBe(15_000);
        said.push(report);
      }),
    withdraw: (id: string) => asked(() => void withdrawn.push(id)),
    marked: (key: string) => asked(() => marks.has(key)),
  };
  const onDrain = () => {
    state.draining = true;
  };
  const condition = () => ({ draining: state.draining, sessions: said.length, troubles: [] });
  const taken: boolean[] = [];
  const sessionMeter = { storeWritten: (error: unknown) => void taken.push(error === undefined) };
  const presence = new Presence({
    operations,
    clock,
    sessionMeter,
    role: 'gateway',
    version: '1.2.3',
    condition,
    onDrain,
  });
  return { clock, said, withdrawn, marks, state, taken, presence };
}

describe('presence', () => {
  it('[presence] says every five seconds how it is, and withdraws', async () => {
    const { clock, said, withdrawn, presence } = present();
    await settle();
    const startedAt = clock.now();
    await clock.advance(10_000);
    expect(said.map(({ at, sessions }) => [at - startedAt, sessions])).toEqual([
      [0, 0],
      [5000, 1],
      [10_000, 2],
    ]);
    expect(said[0]).toMatchObject({ role: 'gateway', version: '1.2.3', startedAt, draining: false, troubles: [] });
    expect(new Set(said.map(({ id }) => id)).size).toBe(1);
    await presence[Symbol.asyncDispose]();
    expect(withdrawn).toEqual([said[0]?.id]);
    await clock.advance(10_000);
    expect(said).toHaveLength(3);
  });

  it('lives through an outage, tells of it, and ends in one', async () => {
    const { clock, said, withdrawn, state, taken, presence } = present();
    await settle();
    state.down = true;
    await clock.advance(20_000);
    state.down = false;
    await clock.advance(5000);
    expect(said).toHaveLength(2);
    expect(taken).toEqual([true, false, false, false, false, true]);
    state.down = true;
    await presence[Symbol.asyncDispose]();
    expect(withdrawn).toEqual([]);
  });

  it('hears that it is to take no new work', async () => {
    const { clock, said, marks, state, presence } = present();
    await settle();
    marks.add(drainMark(said[0]?.id as string));
    await clock.advance(5000);
    expect(state.draining).toBe(true);
    expect(said.at(-1)?.draining).toBe(true);
    await presence[Symbol.asyncDispose]();
  });
});
