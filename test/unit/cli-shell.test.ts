import { describe, expect, it } from 'vitest';
import { linesOf } from '../../src/cli/bridge/lines.ts';
import { detectShell } from '../../src/cli/shell/shell.ts';
import { shellCode } from '../../src/cli/shell/shell-code.ts';
import { duration, oneLine, printable, table } from '../../src/cli/text.ts';

describe('the shell', () => {
  it.each([
    ['bash', '/bin/zsh', 'bash'],
    ['-zsh', undefined, 'zsh'],
    ['/usr/bin/fish', undefined, 'fish'],
    ['dash', '/bin/bash', 'sh'],
    ['node', '/usr/bin/fish', 'fish'],
    [undefined, undefined, 'sh'],
    ['node', '/bin/tcsh', 'sh'],
  ])('of parent %s and SHELL=%s is %s', (parent, shell, expected) => {
    expect(detectShell(parent, shell === undefined ? {} : { SHELL: shell })).toBe(expected);
  });

  it('gets no trap when the session is kept', () => {
    for (const shell of ['bash', 'zsh', 'sh', 'fish'] as const) {
      const code = shellCode(shell, { token: 't', url: 'u' });
      expect(code).toContain('MCP_SESSION_TOKEN');
      expect(code).not.toMatch(/trap|zshexit|--on-event/);
    }
  });
});

describe('text for terminals', () => {
  it('[attack.22] has no control characters', () => {
    expect(printable('a\x1b]0;x\x07b\tc\n\x9b\r')).toBe('a?]0;x?b\tc\n??');
    expect(oneLine(' a\n\n b ')).toBe('a b');
  });

  it.each([
    [-5, '0s'],
    [59_400, '59s'],
    [200_000, '3m 20s'],
    [3_599_600, '1h 0m'],
    [7_500_000, '2h 5m'],
    [349_200_000, '4d 1h'],
  ])('says %i ms as %s', (milliseconds, text) => {
    expect(duration(milliseconds)).toBe(text);
  });

  it('lines columns up', () => {
    expect(
      table([
        ['A', 'BB'],
        ['long', '-'],
      ]),
    ).toBe('A     BB\nlong  -\n');
  });
});

describe('lines', () => {
  it('are cut at newlines only, wherever the bytes are cut', async () => {
    const bytes = Buffer.from('{"a":"\u2028ü"}\n\n{"b":1}');
    const chunks = async function* () {
      for (const byte of bytes) yield Uint8Array.of(byte);
    };
    const lines: string[] = [];
    for await (const line of linesOf(chunks())) lines.push(line);
    expect(lines).toEqual(['{"a":"\u2028ü"}', '', '{"b":1}']);
  });
});
