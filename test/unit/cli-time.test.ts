import { describe, expect, it } from 'vitest';
import { runsTheSame, wordsOf } from '../../src/cli/launch-command.ts';
import { durationOf, timeOf } from '../../src/cli/time.ts';

describe('times that people write', () => {
  it.each([
    ['250ms', 250],
    ['90s', 90_000],
    ['1.5m', 90_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
  ])('%s is %i ms', (text, milliseconds) => {
    expect(durationOf(text)).toBe(milliseconds);
    expect(timeOf(text, 1_000_000_000)).toBe(1_000_000_000 - milliseconds);
  });

  it.each(['', '10', 'm', '-1m', '1 m', '1w', '1m2s'])('"%s" is no duration', (text) => {
    expect(() => durationOf(text)).toThrow('is not a duration');
  });

  it('a date is a date', () => {
    expect(timeOf('2026-11-21T12:00:00Z', 0)).toBe(Date.UTC(2026, 10, 21, 12));
    expect(timeOf('2026-11-21T13:00:00+01:00', 0)).toBe(Date.UTC(2026, 10, 21, 12));
    expect(() => timeOf('yesterday', 0)).toThrow('is not a time');
  });
});

describe('a command line', () => {
  it.each([
    ['a  b\tc', ['a', 'b', 'c']],
    [`'a b' "c \\"d" e\\ f`, ['a b', 'c "d', 'e f']],
    [`pre'fix'"ed"`, ['prefixed']],
    ['', []],
  ])('%s has its words', (line, words) => {
    expect(wordsOf(line)).toEqual(words);
  });

  it('is what an entry runs, for this workspace, and nothing more', () => {
    const entry = { command: 'node', args: ['${dist}/server.js', '${workspace}'] };
    const same = (line: string) => runsTheSame(entry, line, '/my work');
    expect(same("node '${dist}/server.js' '/my work'")).toBe(true);
    expect(same("/opt/node ${dist}/server.js '/my work'")).toBe(true);
    expect(same("node '${dist}/server.js' /my work")).toBe(false);
    expect(same("node '${dist}/server.js' '/my work' --more")).toBe(false);
    expect(same("othernode '${dist}/server.js' '/my work'")).toBe(false);
    expect(runsTheSame({}, 'node', '/')).toBe(false);
  });
});
