import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';

describe("the system's clock", () => {
  it("gives up a sleep with the signal's own reason", async () => {
    const reason = new Error('enough');
    const stop = new AbortController();
    const asleep = expect(systemClock.sleep(1_000_000, stop.signal)).rejects.toBe(reason);
    stop.abort(reason);
    await asleep;
    await expect(systemClock.sleep(1_000_000, stop.signal)).rejects.toBe(reason);
  });
});
