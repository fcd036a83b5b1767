import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HostAssignment } from '../../src/core/channel.ts';
import { systemClock } from '../../src/core/clock.ts';
import { LinkLost } from '../../src/core/host-link.ts';
import { linkKeyOf } from '../../src/core/link-tls.ts';
import { HttpHostControl } from '../../src/link/http-host-control.ts';
import { SocketLinks } from '../../src/link/socket-links.ts';
import { accepts, specOf } from '../contract/runtime.ts';
import { HOST_LIMITS } from '../support/control-plane.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const ECHO = fileURLToPath(new URL('../fakes/servers/echo-module.ts', import.meta.url));
const INITIALIZE = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'c', version: '1' } };
const signal = new AbortController().signal;
const SECRET = 's'.repeat(64);
const OTHER = 'x'.repeat(64);
const control = new HttpHostControl();

const assignment: HostAssignment = {
  session: specOf().labels.session,
  server: 'echo',
  launch: { kind: 'module', module: ECHO },
  variables: {},
  files: {},
  workspace: tmpdir(),
  deadline: Date.now() + 3_600_000,
  limits: HOST_LIMITS,
  record: 'sealed',
};

describe('a host on a port', () => {
  let directory: string;
  let host: ChildProcess;
  let endpoint: { kind: 'tcp'; host: string; port: number };

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'network-'));
    const key = join(directory, 'key');
    writeFileSync(key, linkKeyOf(SECRET));
    endpoint = { kind: 'tcp', host: '127.0.0.1', port: await freePort() };
    const labels = JSON.stringify(specOf({ server: 'echo' }).labels);
    const args = ['--port', String(endpoint.port), '--link-key', key, '--config-dir', directory, '--labels', labels];
    host = spawn(process.execPath, [MAIN, 'host', ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
    await eventually('it listens', () => accepts(endpoint));
  });
  afterAll(async () => {
    host.kill('SIGKILL');
    await once(host, 'exit');
    rmSync(directory, { recursive: true });
  });

  it('is configured by nobody who has not its key', async () => {
    await expect(control.configure(endpoint, OTHER, assignment, signal)).rejects.toMatchObject({
      code: 'server.failed',
      message: expect.stringContaining('cannot be reached'),
    });
    await expect(links().to({ endpoint, secret: OTHER }, signal)).rejects.toBeInstanceOf(LinkLost);
  });

  it('says nothing to whoever speaks without TLS', async () => {
    const socket = connect(endpoint);
    socket.end('GET /healthz HTTP/1.1\r\nHost: host\r\n\r\n');
    expect(await text(socket)).not.toContain('HTTP');
  });

  it('serves the control plane and gateways that know its secret', async () => {
    await control.configure(endpoint, SECRET, assignment, signal);
    expect(await control.status(endpoint, SECRET, signal)).toMatchObject({ configured: true });
    expect(await control.record(endpoint, SECRET, signal)).toBe('sealed');
    await using all = links();
    const link = await all.to({ endpoint, secret: SECRET }, signal);
    expect((await link.open('c', JSON.stringify(INITIALIZE), true)).toString()).toContain('serverInfo');
  });
});

const links = () => new SocketLinks(systemClock);
