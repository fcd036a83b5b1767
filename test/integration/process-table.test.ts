import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { LinuxProcessTable } from '../../src/os/linux-process-table.ts';
import type { ProcessTable } from '../../src/os/process-table.ts';
import { PsProcessTable } from '../../src/os/ps-process-table.ts';
import { requires } from '../support/requires.ts';

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** Runs a shell script until it has said something; returns its pid and what it said. */
async function run(script: string, env: NodeJS.ProcessEnv = process.env, detached = false) {
  const child = spawn('sh', ['-c', script], { env, detached, stdio: ['pipe', 'pipe', 'inherit'] });
  children.push(child);
  const [said] = await once(child.stdout, 'data');
  return { child, pid: child.pid as number, said: String(said).trim() };
}

function tests(open: () => ProcessTable): void {
  it('tells a process from a later one with its pid', () => {
    const identity = open().identity(process.pid);
    expect(identity?.pid).toBe(process.pid);
    expect(identity && open().isAlive(identity)).toBe(true);
    expect(open().isAlive({ pid: process.pid, startedAt: 'another time' })).toBe(false);
    expect(open().identity(2 ** 30)).toBeUndefined();
  });

  it('counts a zombie as gone', async () => {
    // The shell does not wait for its child, which ends when its own input does.
    const { said } = await run('cat <&0 >/dev/null & echo $!; exec sleep 1000 <&-');
    const zombie = open().identity(Number(said));
    expect(zombie && open().isAlive(zombie)).toBe(true);
    process.kill(Number(said), 'SIGKILL');
    await expect.poll(() => zombie && open().isAlive(zombie)).toBe(false);
    expect(open().identity(Number(said))).toBeUndefined();
    expect(open().usage([Number(said)])).toEqual({ cpuSeconds: 0, memoryBytes: 0, pids: 0 });
  });

  it('finds descendants, and what they use', async () => {
    const { pid, said } = await run('(sleep 1000 & echo $!; wait) & wait');
    const found = open().descendants(pid);
    expect(found).toHaveLength(2);
    expect(found).toContain(Number(said));
    expect(open().descendants(process.pid)).toEqual(expect.arrayContaining([pid, ...found]));
    expect(open().descendants(2 ** 30)).toEqual([]);
    const usage = open().usage([pid, ...found, 2 ** 30]);
    expect(usage.pids).toBe(3);
    expect(usage.memoryBytes).toBeGreaterThan(100_000);
    expect(open().usage([process.pid]).cpuSeconds).toBeGreaterThan(0);
  });

  it('has no terminal for a process without one', async () => {
    const { pid } = await run('echo ready; exec sleep 1000', process.env, true);
    expect(open().tty(pid)).toBeUndefined();
  });
}

requires('ps')('the process table by ps', () => {
  tests(() => new PsProcessTable());

  it('words a start time the same in every locale and time zone', () => {
    const here = new PsProcessTable().identity(process.pid);
    const { TZ } = process.env;
    process.env.TZ = 'Asia/Tokyo';
    try {
      expect(new PsProcessTable().identity(process.pid)).toEqual(here);
    } finally {
      if (TZ === undefined) delete process.env.TZ;
      else process.env.TZ = TZ;
    }
  });
});

describe.skipIf(process.platform !== 'linux')('the process table of Linux', () => {
  const table = new LinuxProcessTable();
  tests(() => table);

  it('knows the leader of a session', async () => {
    const { pid, said } = await run('sleep 1000 & echo $!; wait', process.env, true);
    expect(table.leader(Number(said))).toEqual(table.identity(pid));
  });

  it('finds a variable in an environment, and only the whole of it', async () => {
    const value = `${process.pid} Bücher = 📚`;
    const { pid } = await run('echo ready; exec sleep 1000', { ...process.env, MARK_OF_TEST: value, OTHER: 'x' });
    expect(table.carrying('MARK_OF_TEST', value)).toEqual([pid]);
    expect(table.carrying('OF_TEST', value)).toEqual([]);
    expect(table.carrying('MARK_OF_TEST', value.slice(0, -1))).toEqual([]);
  });
});

requires('tmux')('a process on a terminal', () => {
  it.each([
    ['ps', () => new PsProcessTable()],
    ...(process.platform === 'linux' ? [['/proc', () => new LinuxProcessTable()] as const] : []),
  ] as const)('is known with its terminal and the leader there, by %s', async (_, open) => {
    const server = `test-${process.pid}`;
    const tmux = async (...args: string[]) => {
      const child = spawn('tmux', ['-L', server, '-f', '/dev/null', ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
      return String((await once(child.stdout, 'data'))[0]).trim();
    };
    try {
      const pane = ['new-session', '-d', '-P', '-F', '#{pane_pid} #{pane_tty}', 'sh -c "sleep 1000; true"'];
      const [pid, tty] = (await tmux(...pane)).split(' ');
      const table = open();
      const child = await expect.poll(() => table.descendants(Number(pid)).at(-1)).toBeDefined().then(() => table.descendants(Number(pid)).at(-1));
      expect(table.tty(child ?? 0)).toBe(tty);
      expect(table.leader(child ?? 0)?.pid).toBe(Number(pid));
    } finally {
      spawn('tmux', ['-L', server, 'kill-server'], { stdio: 'ignore' });
    }
  });
});
