import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HostAssignment } from '../../src/core/channel.ts';
import { systemClock } from '../../src/core/clock.ts';
import { type HostLink, type HostRefused, LinkLost } from '../../src/core/host-link.ts';
import { Host } from '../../src/host/host.ts';
import { HttpHostControl } from '../../src/link/http-host-control.ts';
import { SocketLinks } from '../../src/link/socket-links.ts';
import { HOST_LIMITS, KeptLog } from '../support/control-plane.ts';

const ECHO = fileURLToPath(new URL('../fakes/servers/echo-module.ts', import.meta.url));
const INITIALIZE = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'c', version: '1' } };
const signal = new AbortController().signal;
const SECRET = 's'.repeat(64);

const assignment: HostAssignment = {
  session: 'pts_1-abcdefghijklmnop',
  server: 'echo',
  launch: { kind: 'module', module: ECHO },
  variables: {},
  files: {},
  workspace: tmpdir(),
  deadline: Date.now() + 3_600_000,
  limits: {
    ...HOST_LIMITS,
    ...{
      logBytes: 1 << 20,
      logAgeMs: 60_000,
      keys: 100,
      children: 4,
      childIdleMs: 60_000,
      initializeMs: 5000,
      parkedMs: 900_000,
    },
    abandonedMs: 60_000,
  },
  record: 'sealed',
};

let directory: string;
let endpoint: { kind: 'unix'; path: string };
let host: Host;
let links: SocketLinks;
const control = new HttpHostControl();

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'retire-'));
  endpoint = { kind: 'unix', path: join(directory, 'host.sock') };
  host = new Host({ dist: directory, configDir: directory, log: new KeptLog(), clock: systemClock, onOver: () => {} });
  await host.listen(endpoint.path);
  await control.configure(endpoint, SECRET, assignment, signal);
  links = new SocketLinks(systemClock);
});
afterEach(async () => {
  await links[Symbol.asyncDispose]();
  await host.close();
  rmSync(directory, { recursive: true });
});

/** What becomes of a posted `tools/list`. */
const post = (link: HostLink, key: string): Promise<'answered' | HostRefused | LinkLost | string> =>
  new Promise((resolve) => {
    const kind = { type: 'request', id: key, method: 'tools/list' } as const;
    const payload = JSON.stringify({ jsonrpc: '2.0', id: key, method: 'tools/list' });
    link.post(
      'c',
      { key, kind, payload },
      {
        entry: (_offset, _payload, last) => last && resolve('answered'),
        end: resolve,
        failed: resolve,
      },
    );
  });

describe('a host that is asked to be ended', () => {
  it('gives its record back to whoever knows its secret', async () => {
    expect(await control.record(endpoint, SECRET, signal)).toBe('sealed');
    await expect(control.record(endpoint, 'x'.repeat(64), signal)).rejects.toMatchObject({ code: 'auth.invalid' });
    await expect(control.retire(endpoint, 'x'.repeat(64), 0, signal)).rejects.toMatchObject({ code: 'auth.invalid' });
  });

  it('refuses while somebody listens, or has used it not long ago', async () => {
    const link = await links.to({ endpoint, secret: SECRET }, signal);
    await link.open('c', JSON.stringify(INITIALIZE), true);
    expect(await post(link, 'one')).toBe('answered');
    const { retired, usedAt } = await control.retire(endpoint, SECRET, 60_000, signal);
    expect(retired).toBe(false);
    expect(Math.abs(usedAt - Date.now())).toBeLessThan(10_000);
    link.follow('c', '', undefined, { entry: () => {}, end: () => {}, failed: () => {} });
    expect((await control.retire(endpoint, SECRET, 0, signal)).retired).toBe(false);
    expect(await post(link, 'two')).toBe('answered');
    expect(link.lost).toBe(false);
  });

  it('does nothing more once it has agreed, and everything that was on its way is refused and not run', async () => {
    const link = await links.to({ endpoint, secret: SECRET }, signal);
    await link.open('c', JSON.stringify(INITIALIZE), true);
    expect(await post(link, 'known')).toBe('answered');
    // Posted without a pause, up to the moment at which the host says that it ends; it is asked until it finds a gap.
    const fates: Promise<unknown>[] = [];
    const agreed = (async () => {
      while (!(await control.retire(endpoint, SECRET, 0, signal)).retired);
    })();
    while (!link.lost) {
      fates.push(post(link, `late${fates.length}`));
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    await agreed;
    for (const fate of await Promise.all(fates))
      if (fate !== 'answered') expect(fate).toMatchObject({ code: 'retired' });
    await expect(links.to({ endpoint, secret: SECRET }, signal)).rejects.toBeInstanceOf(LinkLost);
    expect(await control.retire(endpoint, SECRET, 3_600_000, signal)).toMatchObject({ retired: true });
  });
});
