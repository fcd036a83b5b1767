import { describe, expect, it } from 'vitest';
import { within } from '../../src/core/within.ts';
import { FakeClock } from '../fakes/fake-clock.ts';

const late = () => new Error('late');

describe('within', () => {
  it('is what the task is, if it comes in time', async () => {
    const clock = new FakeClock();
    await expect(within(clock, 10, late, async () => 7)).resolves.toBe(7);
    await expect(within(clock, 10, late, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  });

  it('rejects at the deadline, even if the task does not listen', async () => {
    const clock = new FakeClock();
    let seen: AbortSignal | undefined;
    const deaf = expect(
      within(clock, 10, late, (signal) => {
        seen = signal;
        return new Promise(() => {});
      }),
    ).rejects.toThrow('late');
    await clock.advance(9);
    expect(seen?.aborted).toBe(false);
    await clock.advance(1);
    await deaf;
    expect(seen?.aborted).toBe(true);
  });

  it("rejects with the caller's reason", async () => {
    const clock = new FakeClock();
    const gone = new AbortController();
    const waiting = expect(within(clock, 10, late, () => new Promise(() => {}), gone.signal)).rejects.toThrow('gone');
    gone.abort(new Error('gone'));
    await waiting;
    let asked = false;
    const task = async () => {
      asked = true;
    };
    await expect(within(clock, 10, late, task, gone.signal)).rejects.toThrow('gone');
    expect(asked).toBe(false);
  });
});
