import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Pulse } from '../../src/core/pulse.ts';

describe('the pulse of a link', () => {
  let beats: number;
  let lost: number;
  let pulse: Pulse;

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'Date'] });
    [beats, lost] = [0, 0];
    pulse = new Pulse(
      () => void beats++,
      () => void lost++,
    );
  });
  afterEach(() => {
    pulse[Symbol.dispose]();
    vi.useRealTimers();
  });

  it('beats at once and then every five seconds, until it is over', () => {
    expect(beats).toBe(1);
    vi.advanceTimersByTime(20_000);
    expect(beats).toBe(5);
    pulse[Symbol.dispose]();
    vi.advanceTimersByTime(20_000);
    expect(beats).toBe(5);
  });

  it('calls the other side lost after three beats without a word', () => {
    pulse.beaten();
    vi.advanceTimersByTime(14_999);
    expect(lost).toBe(0);
    vi.advanceTimersByTime(1);
    expect(lost).toBe(1);
    vi.advanceTimersByTime(60_000);
    expect(lost).toBe(1);
    expect(beats).toBe(3); // to somebody who is lost nothing is said
  });

  it('takes any word for a sign of life', () => {
    pulse.beaten();
    for (let n = 0; n < 10; n++) {
      vi.advanceTimersByTime(10_000);
      pulse.heard();
    }
    expect(lost).toBe(0);
  });

  it('does not judge one that has never beaten', () => {
    pulse.heard();
    vi.advanceTimersByTime(120_000);
    expect(lost).toBe(0);
  });

  it('does not blame the other side for a time in which it did not run itself', () => {
    pulse.beaten();
    vi.setSystemTime(Date.now() + 600_000); // stopped, and continued: an interval that is late comes once
    vi.advanceTimersByTime(5000);
    expect(lost).toBe(0);
  });
});
