import { expect, it } from 'vitest';
import { Lanes } from '../../src/servers/proxmox/lanes.ts';
import { settle } from '../fakes/fake-clock.ts';

const { signal } = new AbortController();

/** Work that ends when it is told to. */
function works(lanes: Lanes) {
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const begin = (name: string, over = signal) =>
    lanes.run(() => {
      begun.push(name);
      return new Promise<void>((resolve) => ends.set(name, resolve));
    }, over);
  const end = async (name: string) => {
    ends.get(name)?.();
    await settle();
  };
  return { begun, begin, end };
}

it('lets so many work at once, and the others in their order', async () => {
  const { begun, begin, end } = works(new Lanes(2));
  const all = ['a', 'b', 'c', 'd'].map((name) => begin(name));
  await settle();
  expect(begun).toEqual(['a', 'b']);
  await end('b');
  expect(begun).toEqual(['a', 'b', 'c']);
  await end('a');
  expect(begun).toEqual(['a', 'b', 'c', 'd']);
  await end('c');
  await end('d');
  await Promise.all(all);
});

it('goes on after work that fails, and without those that do not wait any more', async () => {
  const lanes = new Lanes(1);
  const { begun, begin, end } = works(lanes);
  await expect(lanes.run(() => Promise.reject(new Error('no')), signal)).rejects.toThrow('no');
  const first = begin('first');
  const patience = new AbortController();
  const given = begin('given up', patience.signal);
  const last = begin('last');
  patience.abort(new Error('enough'));
  await expect(given).rejects.toThrow('enough');
  await end('first');
  await end('last');
  await Promise.all([first, last]);
  expect(begun).toEqual(['first', 'last']);
  await expect(begin('never', patience.signal)).rejects.toThrow('enough');
  void begin('after');
  await settle();
  expect(begun.at(-1)).toBe('after');
});
