import { expect, it } from 'vitest';
import { globOf } from '../../src/servers/proxmox/glob.ts';

it.each([
  ['auto-*', 'auto-1', true],
  ['auto-*', 'auto-', true],
  ['auto-*', 'my-auto-1', false],
  ['*-daily', 'a-daily-daily', true],
  ['*-daily', 'a-daily-weekly', false],
  ['a?c', 'abc', true],
  ['a?c', 'ac', false],
  ['a*b*c', 'a-b-c', true],
  ['a*b*c', 'a-c-b', false],
  ['**', '', true],
  ['', 'a', false],
  ['a', 'ab', false],
  ['ab', 'a', false],
  ['a.c', 'abc', false],
  ['(a|b)+', '(a|b)+', true],
])('%s, asked for %s: %s', (pattern, name, matches) => {
  expect(globOf(pattern)(name)).toBe(matches);
});
