import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { LinuxProcessTable } from '../../src/os/linux-process-table.ts';
import type { ProcessTable } from '../../src/os/process-table.ts';
import { PsProcessTable } from '../../src/os/ps-process-table.ts';
import { eventually } from '../support/eventually.ts';
import { requires } from '../support/requires.ts';

const children: ChildProcess[] = [];
afterEach(() => {
  // Each leads a process group of its own.
  for (const child of children.splice(0)) process.kill(-(child.pid as number), 'SIGKILL');
});

/** Runs a shell script until it has said something; returns its pid and what it said. */
async function run(script: string, env: NodeJS.ProcessEnv = process.env) {
  const child = spawn('sh', ['-c', script], { env, detached: true, stdio: ['pipe', 'pipe', 'ignore'] });
  children.push(child);
  const [said] = await once(child.stdout, 'data');
  return { pid: child.pid as number, said: String(said).trim() };
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
    // Its parent becomes a program that does not wait for it.
    const { said } = await run('sleep 1000 & echo $!; exec sleep 1000');
    const zombie = open().identity(Number(said));
    expect(zombie && open().isAlive(zombie)).toBe(true);
    process.kill(Number(said), 'SIGKILL');
    await eventually('it is gone', async () => zombie && !open().isAlive(zombie));
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
  });

  it('has no terminal for a process without one', async () => {
    const { pid } = await run('echo ready; exec sleep 1000');
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

  it('counts processor time in hundredths of a second', () => {
    expect(table.usage([process.pid]).cpuSeconds).toBeGreaterThan(0);
  });

  it('knows the leader of a session', async () => {
    const { pid, said } = await run('sleep 1000 & echo $!; wait');
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
  const tables: [string, () => ProcessTable][] = [['ps', () => new PsProcessTable()]];
  if (process.platform === 'linux') tables.push(['/proc', () => new LinuxProcessTable()]);

  it.each(tables)('is known with its terminal and the leader there, by %s', async (_, open) => {
    // A server of its own for each: one that is ending takes a new client down with it.
    const directory = mkdtempSync(join(tmpdir(), 'tmux-'));
    const socket = join(directory, 's');
    const tmux = (...args: string[]) =>
      execFileSync('tmux', ['-S', socket, '-f', '/dev/null', ...args], { encoding: 'utf8' }).trim();
    const [pid, tty] = tmux('new-session', '-d', '-P', '-F', '#{pane_pid} #{pane_tty}', 'sleep 1000; true').split(' ');
    try {
      const child = () => open().descendants(Number(pid)).at(-1) ?? 0;
      await eventually('the shell has begun it', async () => child() > 0);
      expect(open().tty(child())).toBe(tty);
      expect(open().leader(child())?.pid).toBe(Number(pid));
    } finally {
      tmux('kill-server');
      rmSync(directory, { recursive: true });
    }
  });
});
