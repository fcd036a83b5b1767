import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeManagerFile } from '../../src/config/manager-file.ts';
import { ownDirectory } from '../../src/config/own-file.ts';
import { takeLeases } from '../../src/roles/leases.ts';

let root: string;
let place: { state: string; runtimeRoot: string };
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'leases-'));
  place = { state: join(root, 'state'), runtimeRoot: join(root, 'run') };
  ownDirectory(place.state);
});
afterEach(() => rmSync(root, { recursive: true }));

describe('the leases of a manager', () => {
  it('are held once, and their epoch grows', async () => {
    const first = await takeLeases(place);
    await first[Symbol.asyncDispose]();
    expect(first.lost.aborted).toBe(true);
    await using second = await takeLeases(place);
    expect(second.epoch).toBeGreaterThan(first.epoch);
    expect(second.lost.aborted).toBe(false);
  });

  it('are refused to a second manager on the same state directory, with who is there', async () => {
    await using _first = await takeLeases(place);
    await expect(takeLeases(place)).rejects.toThrow(`${place.state} already (it does not listen yet): use it, stop it`);
    writeManagerFile(place.state, { url: 'http://127.0.0.1:8900', pid: 4711 });
    await expect(takeLeases(place)).rejects.toMatchObject({
      code: 'lease.held',
      message: expect.stringContaining('process 4711, http://127.0.0.1:8900'),
    });
  });

  it('are refused to one with other state that would end the servers of the first; it leaves its own state free', async () => {
    await using _first = await takeLeases(place);
    const other = { state: join(root, 'other'), runtimeRoot: place.runtimeRoot };
    ownDirectory(other.state);
    await expect(takeLeases(other)).rejects.toThrow(`runs its servers in ${place.runtimeRoot}`);
    await using _second = await takeLeases({ ...other, runtimeRoot: join(root, 'run2') });
  });
});
