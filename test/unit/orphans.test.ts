import { expect, it } from 'vitest';
import type { Present } from '../../src/controller/instances.ts';
import { Orphans, orphansAmong } from '../../src/controller/orphans.ts';
import type { Instance } from '../../src/core/runtime.ts';
import { sessionRecord } from '../support/records.ts';

const SETTLE = 6000;

function present(id: string, incarnation = 1, phase: Present['phase'] = 'running'): Present {
  const labels = { session: id, server: 's', owner: 'o', nonce: 'n', incarnation, epoch: 1, deadline: 0 };
  const instance = { id, labels, name: id, endpoint: { kind: 'unix', path: '/s' } as const, startedAt: 0 };
  return phase === 'running' ? { phase, instance } : { phase, instance, reason: 'killed' };
}
const listed = (...all: Present[]) => new Map(all.map((one) => [one.instance.id, one]));

it('orphans are found once, end once, and stand when they should have ended', () => {
  const orphans = new Orphans(SETTLE);
  let ending = new Set<string>();
  const isEnding = ({ id }: Instance) => ending.has(id);
  const look = (now: number, ...all: Present[]) => {
    const actual = listed(...all);
    return Object.values(orphans.saw(orphansAmong(actual, new Map()), isEnding, actual, now));
  };
  expect(look(0, present('a'), present('b'), present('d', 1, 'dead'))).toEqual([2, 0, 0]);
  expect(look(SETTLE - 1, present('a'), present('b'))).toEqual([0, 0, 0]);
  expect(look(SETTLE, present('a'))).toEqual([0, 1, 1]);
  expect(look(SETTLE + 1, present('a', 1, 'dead'))).toEqual([0, 1, 0]);
  expect(look(SETTLE + 2, present('a', 2))).toEqual([1, 0, 0]);
  expect(look(SETTLE + 3)).toEqual([0, 1, 0]);
  expect(look(SETTLE + 4)).toEqual([0, 0, 0]);
  // Its session has ended just now.
  ending = new Set(['a']);
  expect(look(SETTLE + 5, present('a', 3), present('b', 3))).toEqual([1, 0, 0]);
  ending = new Set(['a', 'b']);
  expect(look(2 * SETTLE + 5, present('a', 3), present('b', 3))).toEqual([0, 0, 1]);
  expect(look(2 * SETTLE + 6)).toEqual([0, 1, 0]);
});

it('an orphan whose session is there again has not ended', () => {
  const orphans = new Orphans(SETTLE);
  const actual = listed(present('a'));
  orphans.saw(orphansAmong(actual, new Map()), () => false, actual, 0);
  const records = new Map([['a', sessionRecord(0, { id: 'a', nonce: 'n' })]]);
  expect(orphansAmong(actual, records)).toEqual([]);
  expect(orphans.saw([], () => false, actual, SETTLE)).toEqual({ found: 0, removed: 0, standing: 0 });
});
