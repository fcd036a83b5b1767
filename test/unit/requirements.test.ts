import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { REQUIREMENTS } from '../requirements.ts';

const TESTS = fileURLToPath(new URL('..', import.meta.url));

/** Ids in brackets in the titles of tests. */
function cited(): Set<string> {
  const files = readdirSync(TESTS, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.test.ts'));
  const ids = new Set<string>();
  for (const file of files) {
    const titles = readFileSync(`${TESTS}/${file}`, 'utf8').matchAll(
      /\b(?:it|describe)(?:\.\w+\([^)]*\))?\(\s*['"`]((?:\[[\w.-]+\] )+)/g,
    );
    for (const [, ids_] of titles) for (const [, id] of ids_?.matchAll(/\[([\w.-]+)\]/g) ?? []) ids.add(id as string);
  }
  return ids;
}

describe('requirements', () => {
  it('are each cited by a test', () => {
    expect(Object.keys(REQUIREMENTS).filter((id) => !cited().has(id))).toEqual([]);
  });

  it('are all that tests cite', () => {
    expect([...cited()].filter((id) => !(id in REQUIREMENTS))).toEqual([]);
  });
});
