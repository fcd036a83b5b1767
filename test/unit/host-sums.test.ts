import { describe, expect, it } from 'vitest';
import { HostSums } from '../../src/controller/host-sums.ts';
import type { HostStatus } from '../../src/core/channel.ts';
import { CATALOGUE } from '../support/control-plane.ts';

const START = 1_000_000;
const MINUTE = 60_000;

const status = (change: Partial<HostStatus> = {}): HostStatus => ({
  ...{ boot: 'b1', configured: true, children: 0, channels: 0, restarts: 0, circuit: 'closed' },
  ...change,
});
const use = (cpuSeconds: number, memoryBytes = 0) => ({ usage: { cpuSeconds, memoryBytes, pids: 1 } });

/** The answer of an instance that was started after the sums were begun, unless `startedAt` says else. */
const answer = (key: string, told: HostStatus | undefined, server = 'filesystem', startedAt = START) => ({
  ...{ key, server, startedAt, status: told },
});

describe('sums over hosts', () => {
  it('are those of all instances of a server', () => {
    const sums = new HostSums(CATALOGUE, START);
    const totals = sums.add(
      [
        answer('a', status({ channels: 2, logBytes: 10, circuit: 'open', certificateExpiresAt: 900, ...use(1, 5) })),
        answer(
          'b',
          status({ channels: 1, logBytes: 5, circuit: 'half-open', certificateExpiresAt: 800, ...use(2, 7) }),
        ),
        answer('c', status({ restarts: 3, replays: 4 })),
        answer('d', undefined),
        answer('e', status({ channels: 9 }), 'proxmox'),
      ],
      START,
    );
    expect([...totals.keys()]).toEqual(['filesystem', 'proxmox']);
    expect(totals.get('filesystem')).toEqual({
      ...{ channels: 3, logBytes: 15, circuitsOpen: 1, memoryBytes: 12, memoryMaxBytes: 7 },
      ...{ certificateExpiresAt: 800, unanswered: 1, childExits: 3, replays: 4, cpuSeconds: 3 },
    });
    expect(totals.get('proxmox')).toMatchObject({ channels: 9, unanswered: 0 });
    expect(totals.get('proxmox')).not.toHaveProperty('certificateExpiresAt');
  });

  it('put servers together that are not in the catalogue', () => {
    const sums = new HostSums(CATALOGUE, START);
    const strangers = ['x', 'y', '__proto__', 'constructor'].map((name) => answer(name, status({ channels: 1 }), name));
    expect([...sums.add(strangers, START)]).toEqual([['other', expect.objectContaining({ channels: 4 })]]);
  });

  it('count what came since a host was heard last, over its death and its successors', () => {
    const sums = new HostSums(CATALOGUE, START);
    const news = (told: HostStatus | undefined, now = START) => {
      const { childExits, replays, cpuSeconds } = sums.add([answer('a', told)], now).get('filesystem') ?? {};
      return [childExits, replays, cpuSeconds];
    };
    expect(news(status({ restarts: 1, replays: 2, ...use(10) }))).toEqual([1, 2, 10]);
    expect(news(status({ restarts: 1, replays: 2, ...use(10) }))).toEqual([0, 0, 0]);
    expect(news(status({ restarts: 4, replays: 2, ...use(12.5) }))).toEqual([3, 0, 2.5]);
    // The next instance of the same server counts from 0.
    expect(news(status({ boot: 'b2', restarts: 2, replays: 3, ...use(1) }))).toEqual([2, 3, 1]);
    expect(news(undefined)).toEqual([0, 0, 0]);
    expect(news(status({ boot: 'b2', restarts: 2, replays: 5, ...use(4) }))).toEqual([0, 2, 3]);
    // A process of its tree has ended, and took its time along.
    expect(news(status({ boot: 'b2', restarts: 2, replays: 5, ...use(3) }))).toEqual([0, 0, 0]);
    expect(news(status({ boot: 'b2', restarts: 2, replays: 5, ...use(3.5) }))).toEqual([0, 0, 0.5]);
    // What it uses cannot be said for once.
    expect(news(status({ boot: 'b2', restarts: 2, replays: 5 }))).toEqual([0, 0, 0]);
    expect(news(status({ boot: 'b2', restarts: 2, replays: 5, ...use(4) }))).toEqual([0, 0, 0.5]);
  });

  it('do not count again what hung for long, and forget what is gone', () => {
    const sums = new HostSums(CATALOGUE, START);
    const cpu = (told: HostStatus | undefined, now: number) =>
      sums.add([answer('a', told)], now).get('filesystem')?.cpuSeconds;
    expect(cpu(status(use(7)), START)).toBe(7);
    for (let minute = 1; minute <= 30; minute++) cpu(undefined, START + minute * MINUTE);
    expect(cpu(status(use(8)), START + 31 * MINUTE)).toBe(1);
    for (let minute = 32; minute <= 50; minute++) sums.add([], START + minute * MINUTE);
    expect(cpu(status(use(9)), START + 51 * MINUTE)).toBe(9);
  });

  it('count of instances that ran before from the first answer on', () => {
    const sums = new HostSums(CATALOGUE, START);
    const cpu = (told: HostStatus) =>
      sums.add([answer('a', told, 'filesystem', START - 1)], START).get('filesystem')?.cpuSeconds;
    expect(cpu(status(use(5000)))).toBe(0);
    expect(cpu(status(use(5001)))).toBe(1);
    // It was started again since, whatever its clock says.
    expect(cpu(status({ boot: 'b2', ...use(2) }))).toBe(2);
  });

  it('take no harm from what is no number of anything', () => {
    const sums = new HostSums(CATALOGUE, START);
    const odd = { channels: 'x', logBytes: -1, replays: Number.NaN, restarts: null, certificateExpiresAt: 'soon' };
    const told = { boot: 'b', ...odd, usage: { cpuSeconds: -5, memoryBytes: {} } } as unknown as HostStatus;
    expect(sums.add([answer('a', told), answer('b', {} as HostStatus)], START).get('filesystem')).toEqual({
      ...{ channels: 0, logBytes: 0, circuitsOpen: 0, memoryBytes: 0, memoryMaxBytes: 0 },
      ...{ unanswered: 0, childExits: 0, replays: 0, cpuSeconds: 0 },
    });
  });
});
