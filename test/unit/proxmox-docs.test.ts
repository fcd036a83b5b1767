import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { toolsDoc } from '../../scripts/tools-doc.ts';

it('docs/tools.md is what the tools say of themselves (else: node scripts/tools-doc.ts)', () => {
  expect(readFileSync(new URL('../../docs/tools.md', import.meta.url), 'utf8')).toBe(toolsDoc());
});
