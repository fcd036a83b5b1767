import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createLogger } from '../../src/telemetry/logger.ts';
import { withFiles } from '../../src/telemetry/outputs.ts';
import { prettyLine, wantsColour } from '../../src/telemetry/pretty.ts';

const LINE = JSON.stringify({
  level: 'warn',
  time: '2026-01-02T03:04:05.000Z',
  session: 'pts_1-abc',
  failures: 2,
  reason: 'it died',
  message: 'server failed',
});

describe('the log on a terminal', () => {
  it('has the message first and the fields behind it', () => {
    expect(prettyLine(LINE, false)).toMatch(
      /^\d\d:04:05 WARN {2}server failed session=pts_1-abc failures=2 reason="it died"\n$/,
    );
  });

  it('has colours where they are wanted', () => {
    expect(prettyLine(LINE, true)).toContain('\x1b[33mWARN \x1b[0m server failed\x1b[90m session=');
    expect([{}, { NO_COLOR: '1' }, { TERM: 'dumb' }].map(wantsColour)).toEqual([true, false, false]);
  });

  it('[attack.22] lets no control character through, in the message or in a field', () => {
    const evil = '\x1b]0;x\x07\n\x7f\u009b31m';
    const entry = { level: 'info', time: '2026-01-02T03:04:05.000Z', message: evil, said: evil, [evil]: { evil } };
    expect(prettyLine(JSON.stringify(entry), false).slice(0, -1)).not.toMatch(/\p{Cc}/u);
  });

  it('leaves a line alone that is no entry', () => {
    expect(prettyLine('no JSON\n', true)).toBe('no JSON\n');
  });
});

it('the log in files: everything in one, warnings and errors in the other', () => {
  const directory = mkdtempSync(join(tmpdir(), 'logs-'));
  const first: string[] = [];
  const log = createLogger({
    level: 'info',
    destination: withFiles({ write: (line) => void first.push(line) }, directory),
  });
  log.debug({}, 'quiet');
  log.info({ token: 'hunter2' }, 'well');
  log.error({}, 'ill');
  const linesOf = (name: string) => readFileSync(join(directory, name), 'utf8').trim().split('\n');
  const messagesOf = (lines: string[]) => lines.map((line) => (JSON.parse(line) as { message: string }).message);
  expect(messagesOf(first)).toEqual(['well', 'ill']);
  expect(messagesOf(linesOf('mcp-main.log'))).toEqual(['well', 'ill']);
  expect(messagesOf(linesOf('mcp-error.log'))).toEqual(['ill']);
  expect(readFileSync(join(directory, 'mcp-main.log'), 'utf8')).not.toContain('hunter2');
  rmSync(directory, { recursive: true });
});
