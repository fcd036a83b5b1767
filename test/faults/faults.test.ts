import { afterAll, beforeAll, expect, it } from 'vitest';
import { requires } from '../support/requires.ts';
import { FAULTS } from './faults.ts';
import { Suite } from './suite.ts';

/** A multiple of what it takes on a machine with two processors. */
const START_MS = 400_000;
const FAULT_MS = 300_000;
const TERMINALS = 12;

/** `npm run test:faults` is the long form. */
requires('docker')('the deployment of compose.yaml under steady calls', () => {
  let suite: Suite;
  beforeAll(async () => {
    suite = await Suite.start(TERMINALS);
  }, START_MS);
  afterAll(() => suite?.[Symbol.asyncDispose](), START_MS);

  it('answers all of them', { timeout: FAULT_MS }, async () => {
    const { calls, wrong } = await suite.calm();
    expect(wrong).toEqual([]);
    expect(calls).toBeGreaterThan(TERMINALS);
  });

  it.each(FAULTS.filter(({ short }) => short))('survives $name', { timeout: FAULT_MS }, async (fault) => {
    const outcome = await suite.suffer(fault);
    expect(outcome).toMatchObject({ ranTwice: 0, lost: 0, leftOver: 0, wrong: [] });
  });

  it('leaves no container when its sessions have ended', { timeout: FAULT_MS }, async () => {
    expect(await suite.end()).toBe(0);
  });
});
