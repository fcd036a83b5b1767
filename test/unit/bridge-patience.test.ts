import { describe, expect, it } from 'vitest';
import { Outage } from '../../src/cli/bridge/outage.ts';
import { Patience } from '../../src/cli/bridge/patience.ts';
import { FakeClock } from '../fakes/fake-clock.ts';

const { signal } = new AbortController();
const ERROR = new Error('not there');

describe('patience', () => {
  const make = (limitMs: number, random = 0.5) => {
    const clock = new FakeClock();
    const told: string[] = [];
    const patience = new Patience(
      clock,
      () => random,
      () => limitMs,
      new Outage(clock, (text) => told.push(text)),
    );
    /** Waits once; what it waited, milliseconds, or what it was rejected with. */
    const wait = async (leastMs = 0): Promise<unknown> => {
      const from = clock.now();
      const waited = patience.wait(ERROR, signal, leastMs).then(
        () => clock.now() - from,
        (error: unknown) => error,
      );
      for (let ms = 0; ms < 20_000; ms += 50) await clock.advance(50);
      return waited;
    };
    return { clock, patience, wait, told };
  };

  it('tells people once that nothing answers, after some seconds, and again in the next outage', async () => {
    const { patience, wait, told } = make(Number.POSITIVE_INFINITY);
    await wait();
    patience.renew();
    await wait();
    expect(told).toEqual([]);
    for (let i = 0; i < 5; i += 1) await wait();
    expect(told).toEqual(['not there; trying again until it answers']);
    patience.answered();
    for (let i = 0; i < 5; i += 1) await wait();
    expect(told).toHaveLength(2);
  });

  it('waits longer from failure to failure, with jitter, and as long as it was asked to', async () => {
    const { patience, wait } = make(Number.POSITIVE_INFINITY);
    expect([await wait(), await wait(), await wait()]).toEqual([50, 100, 200]);
    expect(await wait(1_000)).toBe(1_400);
    patience.renew();
    expect(await wait()).toBe(50);
    expect(patience.left).toBe(Number.POSITIVE_INFINITY);
  });

  it('ends at its limit, which began with the message', async () => {
    const { clock, patience, wait } = make(30_000);
    await clock.advance(29_900);
    expect(patience.left).toBe(1_000);
    expect(await wait(5_000)).toBe(100);
    expect(await wait()).toBe(ERROR);
  });

  it('begins again after an answer that went on for a while', async () => {
    const { clock, patience, wait } = make(30_000);
    await clock.advance(29_000);
    patience.answered();
    await clock.advance(10_000);
    expect(await wait()).toBe(50);
    expect(await wait()).toBe(100);
    expect(await wait()).toBe(ERROR);
  });

  it('does not begin again with answers that break off at once', async () => {
    const { clock, patience, wait } = make(30_000);
    await clock.advance(29_000);
    patience.answered();
    await clock.advance(1_500);
    expect(await wait()).toBe(ERROR);
  });
});
