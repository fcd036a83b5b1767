import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatPidFile, type PidFile, parseLabels, parsePidFile } from '../../src/core/pid-file.ts';

const FILE: PidFile = {
  process: { pid: 4242, startedAt: '153253 cb88ec80-3010-430f-9d6d-b3331067299c' },
  labels: {
    session: 'pts_1-abcdefghijklmnop',
    server: 'filesystem',
    owner: 'olga',
    nonce: 'n',
    incarnation: 1,
    epoch: 2,
    deadline: 3,
  },
};

describe('a pid file', () => {
  it('has pid, start time and labels on a line each', () => {
    expect(formatPidFile(FILE).split('\n')).toEqual(['4242', FILE.process.startedAt, JSON.stringify(FILE.labels), '']);
  });

  it('reads back what was written, whatever the owner is called', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.integer({ min: 1, max: 2 ** 31 }), (owner, pid) => {
        const file = { process: { ...FILE.process, pid }, labels: { ...FILE.labels, owner } };
        expect(parsePidFile(formatPidFile(file))).toEqual(file);
      }),
    );
  });

  it('is nothing if any part of its end is missing', () => {
    const whole = formatPidFile(FILE);
    for (let length = 0; length < whole.length; length++) expect(parsePidFile(whole.slice(0, length))).toBeUndefined();
  });

  it.each(['0', '-1', '12a', '', ' 5'])('does not take %j for a pid', (pid) => {
    expect(parsePidFile(formatPidFile(FILE).replace('4242', pid))).toBeUndefined();
  });
});

describe('labels', () => {
  it('leave out what is not a label', () => {
    expect(parseLabels(JSON.stringify({ ...FILE.labels, more: 1 }))).toEqual(FILE.labels);
  });

  it.each(Object.keys(FILE.labels))('are none without a valid %s', (name) => {
    expect(parseLabels(JSON.stringify({ ...FILE.labels, [name]: undefined }))).toBeUndefined();
    expect(parseLabels(JSON.stringify({ ...FILE.labels, [name]: null }))).toBeUndefined();
    expect(parseLabels(JSON.stringify({ ...FILE.labels, [name]: {} }))).toBeUndefined();
  });

  it.each(['', 'null', '[]', '1', '{'])('are none in %j', (json) => expect(parseLabels(json)).toBeUndefined());
});
