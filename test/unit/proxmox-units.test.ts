import { expect, it } from 'vitest';
import { bytes, duration, percent } from '../../src/servers/proxmox/units.ts';

it.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1536, '1.5 KiB'],
  [8 * 2 ** 30, '8 GiB'],
  [15.6 * 2 ** 40, '16 TiB'],
  [2 ** 70, '1048576 PiB'],
])('%d bytes are %s', (value, text) => {
  expect(bytes(value)).toBe(text);
});

it.each([
  [59, '59 s'],
  [60, '1 min'],
  [3900, '1 h 5 min'],
  [86_400 * 3 + 3600 * 4 + 59, '3 d 4 h'],
])('%d seconds are %s', (value, text) => {
  expect(duration(value)).toBe(text);
});

it('shows a share as percent', () => {
  expect(percent(0.126)).toBe('13 %');
});
