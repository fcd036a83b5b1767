import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { FileLease } from '../../src/store/embedded/file-lease.ts';

let directory: string;
let path: string;
let holders: ChildProcess[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'lease-'));
  path = join(directory, 'lease.db');
  holders = [];
});
afterEach(async () => {
  await Promise.all(holders.map(kill));
  await rm(directory, { recursive: true, force: true });
});

/** Another process that takes the lease; resolves to what it says. */
async function holder(): Promise<{ child: ChildProcess; said: string }> {
  const child = spawn(process.execPath, ['test/fakes/lease-holder.ts', path], { stdio: ['ignore', 'pipe', 'inherit'] });
  holders.push(child);
  const [said] = await once(createInterface(child.stdout), 'line');
  return { child, said: String(said) };
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

describe('file lease', () => {
  it('has an epoch that grows with each holder, whatever the clock does, in a file of its owner alone', async () => {
    for (const [now, epoch] of [
      [1000, 1000],
      [999, 1001],
      [1001, 1002],
      [5000, 5000],
    ] as const) {
      await using lease = await FileLease.acquire(path, { ...systemClock, now: () => now });
      expect(lease.epoch).toBe(epoch);
    }
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it('is had by one, in this process and in others, and a refused one does not disturb it', async () => {
    await using lease = await FileLease.acquire(path);
    for (let attempt = 0; attempt < 2; attempt++) {
      await expect(FileLease.acquire(path)).rejects.toMatchObject({
        code: 'lease.held',
        message: expect.stringContaining(`Another session manager is running with the state directory ${directory}`),
      });
      expect((await holder()).said).toBe('lease.held');
    }
    expect(lease.lost.aborted).toBe(false);
  });

  it('is had by exactly one of several that start at once', async () => {
    const said = (await Promise.all([holder(), holder(), holder(), holder()])).map((other) => other.said);
    expect(said.sort()).toEqual([expect.stringMatching(/^epoch \d+$/), 'lease.held', 'lease.held', 'lease.held']);
  });

  it('is free as soon as its holder was killed', async () => {
    const { child, said } = await holder();
    await expect(FileLease.acquire(path)).rejects.toMatchObject({ code: 'lease.held' });
    await kill(child);
    await using lease = await FileLease.acquire(path);
    expect(lease.epoch).toBeGreaterThan(Number(said.replace('epoch ', '')));
  });

  it('is lost when it is released', async () => {
    const lease = await FileLease.acquire(path);
    await lease[Symbol.asyncDispose]();
    expect(lease.lost.aborted).toBe(true);
    await lease[Symbol.asyncDispose]();
  });

  it('names a file that it cannot use', async () => {
    await writeFile(path, 'not a database '.repeat(100));
    await expect(FileLease.acquire(path)).rejects.toMatchObject({
      code: 'store.unavailable',
      message: expect.stringContaining(path),
    });
  });
});
