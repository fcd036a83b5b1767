import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Lease } from '../../src/core/lease.ts';

/** What the suite needs of an implementation: one lease, and any number who want it. */
export interface LeaseHarness extends AsyncDisposable {
  /** Tries once; undefined: somebody else has it. */
  attempt(): Promise<Lease | undefined>;
}

/** What every lease keeps to (core/lease.ts). */
export function leaseContract(open: () => Promise<LeaseHarness>): void {
  let harness: LeaseHarness;
  beforeEach(async () => {
    harness = await open();
  });
  afterEach(() => harness[Symbol.asyncDispose]());

  async function taken(): Promise<Lease> {
    const lease = await harness.attempt();
    if (!lease) throw new Error('the lease is not free');
    return lease;
  }

  it('has an epoch that grows with each holder, and is at least the time', async () => {
    let before = Date.now() - 60_000; // the clock that counts may be another's
    for (let holder = 0; holder < 3; holder++) {
      await using lease = await taken();
      expect(lease.epoch).toBeGreaterThan(before);
      before = lease.epoch;
    }
  });

  it('is had by one, and who is refused does not disturb it', async () => {
    await using lease = await taken();
    expect(await harness.attempt()).toBeUndefined();
    expect(await harness.attempt()).toBeUndefined();
    expect(lease.lost.aborted).toBe(false);
  });

  it('is had by exactly one of several who want it at once', async () => {
    const leases = await Promise.all([harness.attempt(), harness.attempt(), harness.attempt(), harness.attempt()]);
    expect(leases.filter((lease) => lease !== undefined)).toHaveLength(1);
    for (const lease of leases) await lease?.[Symbol.asyncDispose]();
  });

  it('is lost when it is released, and free then', async () => {
    const lease = await taken();
    const { lost } = lease;
    await lease[Symbol.asyncDispose]();
    expect(lost.aborted).toBe(true);
    await using next = await taken();
    await lease[Symbol.asyncDispose](); // again: that takes nothing from the next one
    expect(next.lost.aborted).toBe(false);
    expect(await harness.attempt()).toBeUndefined();
  });
}
