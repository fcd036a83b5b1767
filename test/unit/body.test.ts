import { describe, expect, it } from 'vitest';
import { checkDepth } from '../../src/gateway/mcp/body.ts';

describe('the depth of a body', () => {
  const check = (text: string) => () => checkDepth(Buffer.from(text));
  const nested = (levels: number) => `${'[{"a":'.repeat(levels / 2)}1${'}]'.repeat(levels / 2)}`;

  it('is bounded', () => {
    expect(check(nested(500))).not.toThrow();
    expect(check(nested(502))).toThrow('500');
    expect(check(`[${`${nested(498)},`.repeat(5)}1]`)).not.toThrow();
  });

  it('has nothing to do with what stands in its strings', () => {
    expect(check(JSON.stringify(['"{[\\'.repeat(600), `\\${'['.repeat(600)}`, '\\'.repeat(601)]))).not.toThrow();
    expect(check(`["\\\\",${nested(500)}]`)).toThrow('500');
  });
});
