import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cgroupOomKills, cgroupUsage } from '../../src/os/cgroup.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'cgroup-'));
});
afterEach(() => rmSync(root, { recursive: true }));

function files(content: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(content)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
}

const UNIFIED = {
  'memory.current': '1000000\n',
  'memory.stat': 'anon 600000\ninactive_file 300000\nactive_file 100000\n',
  'cpu.stat': 'usage_usec 2500000\nuser_usec 2000000\nsystem_usec 500000\n',
  'pids.current': '7\n',
};

describe('the dead of a container', () => {
  it('are counted, where the kernel counts them', () => {
    expect(cgroupOomKills(root)).toBeUndefined();
    files({ 'memory/memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\noom_kill 3\n' });
    expect(cgroupOomKills(root)).toBe(3);
    files({ 'memory.events': 'low 0\noom 1\noom_kill 2\noom_group_kill 0\n' });
    expect(cgroupOomKills(root)).toBe(2);
  });
});

describe('usage of a container', () => {
  it('is read from its control group', () => {
    files(UNIFIED);
    expect(cgroupUsage(root)).toEqual({ memoryBytes: 700_000, cpuSeconds: 2.5, pids: 7 });
  });

  it('is read from those of the older kind, too', () => {
    files({
      'memory/memory.usage_in_bytes': '1000000\n',
      'memory/memory.stat': 'cache 1\ninactive_file 5\ntotal_inactive_file 400000\n',
      'cpuacct/cpuacct.usage': '1500000000\n',
      'pids/pids.current': '3\n',
    });
    expect(cgroupUsage(root)).toEqual({ memoryBytes: 600_000, cpuSeconds: 1.5, pids: 3 });
  });

  it.each(['memory.current', 'pids.current', 'cpu.stat'])('cannot be said without %s, as on a machine', (name) => {
    files(UNIFIED);
    rmSync(join(root, name));
    expect(cgroupUsage(root)).toBeUndefined();
  });
});
