import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { REQUIREMENTS } from '../requirements.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const TEXT = readFileSync(`${ROOT}SECURITY.md`, 'utf8');

it('every claim of SECURITY.md names the test that shows it', () => {
  const rows = TEXT.slice(TEXT.indexOf('## What each can reach'))
    .split('\n')
    .filter((line) => line.startsWith('| ') && !/ shown by \|$/.test(line));
  expect(rows.length).toBeGreaterThan(25);
  for (const row of rows) {
    const shown = row.split('|').at(-2) ?? '';
    const ids = [...shown.matchAll(/\[([\w.-]+)\]/g)].map(([, id]) => id as string);
    const files = [...shown.matchAll(/`(test\/[\w/.-]+)`/g)].map(([, file]) => file as string);
    expect(ids.length + files.length, row).toBeGreaterThan(0);
    expect(
      ids.filter((id) => !(id in REQUIREMENTS)),
      row,
    ).toEqual([]);
    expect(
      files.filter((file) => !existsSync(ROOT + file)),
      row,
    ).toEqual([]);
  }
});
