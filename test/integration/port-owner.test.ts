import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { basename } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { portOwner } from '../../src/roles/port-owner.ts';

const server = createServer();
afterEach(() => void server.close());

const listening = (host: string) =>
  new Promise<number>((resolve) => server.listen(0, host, () => resolve((server.address() as AddressInfo).port)));

describe.runIf(process.platform === 'linux')('the owner of a port (Linux)', () => {
  it('is found by /proc, and nobody when it is free', async () => {
    const port = await listening('127.0.0.1');
    expect(portOwner(port)).toEqual({ pid: process.pid, program: basename(process.execPath) });
    await new Promise((resolve) => server.close(resolve));
    expect(portOwner(port)).toBeUndefined();
  });

  it('is unknown where there is no /proc', () => {
    expect(portOwner(1, '/nonexistent')).toBeUndefined();
  });
});
