import { describe, expect, it } from 'vitest';
import { parseStat } from '../../src/os/linux-process-table.ts';
import { parsePs } from '../../src/os/ps-process-table.ts';

describe('a line of /proc/{pid}/stat', () => {
  const line = (name: string, tty: number, flags = 4194304, environmentEnd = 9) =>
    `7898 (${name}) S 7888 7898 3338 ${tty} -1 ${flags} 103 0 0 0 100 20 3 4 20 0 1 0 153253 2998272 423 ` +
    `1 2 3 4 5 6 0 0 0 0 0 0 0 17 0 0 0 0 0 0 1 2 3 4 5 6 ${environmentEnd} 0`;

  it.each(['node', 'a b', ') S 1 (', '((', ''])('is read whatever the program is called: %j', (name) => {
    expect(parseStat(line(name, 0))).toEqual({
      state: 'S',
      parent: 7888,
      session: 3338,
      kernel: false,
      loading: false,
      tty: { major: 0, minor: 0 },
      cpuTicks: 127,
      startTicks: '153253',
    });
  });

  it('tells a process that loads its program from a thread of the kernel', () => {
    expect(parseStat(line('sh', 0, 4194304, 0))).toMatchObject({ kernel: false, loading: true });
    expect(parseStat(line('kthreadd', 0, 0x20_8040, 0))).toMatchObject({ kernel: true, loading: false });
  });

  it.each([
    [0x8803, 136, 3],
    [0x0401, 4, 1],
    [0x108805, 136, 0x105],
  ])('tells the terminal of device number %d', (device, major, minor) => {
    expect(parseStat(line('sh', device)).tty).toEqual({ major, minor });
  });
});

describe('what ps prints', () => {
  it('is read as macOS words it', () => {
    expect(
      parsePs('  501     1 Ss   ttys003   1234   0:01.50 Mon Jan  5 09:08:07 2026    \n  502 501 Z ?? 0 0:00.00 x y\n'),
    ).toEqual([
      {
        pid: 501,
        parent: 1,
        state: 'Ss',
        tty: 'ttys003',
        memoryKib: 1234,
        cpuSeconds: 1.5,
        startedAt: 'Mon Jan 5 09:08:07 2026',
      },
    ]);
  });

  it.each([
    ['00:00:04', 4],
    ['1-02:03:04', 93_784],
    ['61:01.25', 3661.25],
  ])('has the time %s', (time, seconds) => {
    expect(parsePs(`1 0 S pts/3 1 ${time} Sat Nov 21 08:42:53 2026`)[0]?.cpuSeconds).toBe(seconds);
  });

  it('may hold lines that are no process', () => expect(parsePs('\nps: illegal option\n')).toEqual([]));
});
