import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import template from '../../config/proxmox-config.json' with { type: 'json' };
import type { HostAssignment } from '../../src/core/channel.ts';
import { systemClock } from '../../src/core/clock.ts';
import { openEgress } from '../../src/host/egress-access.ts';
import { LogRing } from '../../src/host/log-ring.ts';
import { ServerLog } from '../../src/host/server-log.ts';
import { serverStarter } from '../../src/host/server-starter.ts';
import { StderrTail } from '../../src/host/stderr-tail.ts';
import { openProxmox } from '../../src/servers/proxmox/server.ts';
import { selfSigned } from '../fakes/certificate.ts';
import { HOST_LIMITS } from '../support/control-plane.ts';
import { eventually } from '../support/eventually.ts';
import { allOf, directory, type Instance, instance, raw, startProxy, target } from './egress-setup.ts';
import { call, clientOf, failureOf, log, startPve, VARIABLES } from './proxmox-setup.ts';

const MODULE = { kind: 'module', module: '/proxmox.js' } as const;

function assignment({ grant }: Instance, launch: HostAssignment['launch'] = MODULE): HostAssignment {
  const session = { session: 'pts_3-aaaaaaaaaaaaaaaa', server: 'proxmox', record: '', workspace: '/tmp' };
  return { ...session, launch, variables: {}, files: {}, deadline: 0, limits: HOST_LIMITS, egress: { grant } };
}

/** What the server of this instance is given; gone with the test. */
async function access(socket: string | undefined, who: Instance, launch?: HostAssignment['launch']) {
  const egress = await openEgress(assignment(who, launch), socket, who.secret, systemClock);
  onTestFinished(() => egress[Symbol.asyncDispose]());
  return egress;
}

/** The Proxmox server, whose one host is `host` at `port`, in an instance that may go to `hosts`. */
async function proxmox(socket: string, host: string, port: number, hosts: readonly string[]) {
  const servers = { main: { ...template.servers['proxmox-primary'], host, port } };
  const configDir = await directory();
  await writeFile(
    join(configDir, 'proxmox-config.json'),
    JSON.stringify({ ...template, servers, default_server: 'main' }),
  );
  const { connect: connectOut } = await access(socket, instance(hosts));
  if (!connectOut) throw new Error('a module in an instance without a network gets a way out');
  const context = { configDir, workspace: configDir, variables: VARIABLES, log, connect: connectOut };
  return clientOf(await openProxmox(context, { clock: systemClock, random: () => 0 }));
}

describe('the Proxmox server in an instance without a network', () => {
  it('reaches its host, by name and by address', async () => {
    const { path, proxy } = await startProxy({ names: { 'pve.test': [['127.0.0.1']] } });
    const pve = await startPve();
    const { port } = pve;
    for (const host of ['pve.test', '127.0.0.1']) {
      const client = await proxmox(path, host, port, [`${host}:${port}`]);
      const structuredContent = expect.objectContaining({ name: 'web', status: 'running' });
      expect(await call(client, 'pve_guest_status', { vmid: 100 })).toMatchObject({ structuredContent });
    }
    // All of its connections came this way.
    expect(proxy.tally.connected).toBe(new Set(pve.seen.map((one) => one.connection)).size);
  });

  it('says what is wrong when it does not', async () => {
    const { path } = await startProxy({ names: { 'meta.test': [['169.254.169.254']] } });
    const { port } = await startPve();
    const { port: closed } = await target((socket) => socket.destroy());
    const at = async (host: string, at: number, hosts: string[]) => failureOf(await proxmox(path, host, at, hosts));
    expect(await at('127.0.0.1', port, ['other.test:8006'])).toMatch(/may not be reached from here .*"egress"/);
    expect(await at('meta.test', port, [`meta.test:${port}`])).toMatch(/has an address that no server may/);
    expect(await at('nowhere.test', port, [`nowhere.test:${port}`])).toMatch(/has a host that is not known/);
    expect(await at('127.0.0.1', closed, [`127.0.0.1:${closed}`])).toMatch(/cannot be reached at/);
  });

  it('says so when the proxy is not there', async () => {
    const client = await proxmox(join(await directory(), 'none.sock'), '127.0.0.1', 1, ['127.0.0.1:1']);
    expect(await failureOf(client)).toMatch(/the egress proxy did not make the connection \(EGRESS_DOWN\)/);
  });

  it('connects by itself where there is no proxy', async () => {
    expect(await access(undefined, instance([]))).toMatchObject({ environment: {} });
    expect(await access(undefined, instance([]))).not.toHaveProperty('connect');
  });
});

describe('a way out', () => {
  it('is given up when nobody wants it any more', async () => {
    const { port } = await target(() => {});
    const { path, proxy } = await startProxy();
    const { connect: connectOut } = await access(path, instance([`127.0.0.1:${port}`]));
    await expect(connectOut?.('127.0.0.1', port, AbortSignal.abort(new Error('not wanted')))).rejects.toThrow(
      'not wanted',
    );
    expect(proxy.tally.connected).toBe(0);
  });

  it('tells why there is none by the code of the error', async () => {
    const { path } = await startProxy();
    const { connect: connectOut } = await access(path, { ...instance(['a.test:1']), secret: 'wrong' });
    await expect(connectOut?.('a.test', 1)).rejects.toMatchObject({ code: 'EGRESS_CREDENTIALS' });
    const { connect: right } = await access(path, instance(['a.test:1']));
    await expect(right?.('a.test', 1)).rejects.toMatchObject({ code: 'ENOTFOUND' });
    await expect(right?.('a.test', 2)).rejects.toMatchObject({ code: 'EGRESS_HOST' });
    await expect(right?.('fd00::1', 2)).rejects.toMatchObject({
      code: 'EGRESS_HOST',
      message: expect.stringContaining('[fd00::1]:2'),
    });
  });
});

const STDIO = { kind: 'stdio', command: process.execPath, args: [], env: {} } as const;
const run = promisify(execFile);

describe('a program in an instance without a network', () => {
  /** An HTTPS server for `api.test`, and an environment of a program that trusts it. */
  async function api() {
    const certificate = selfSigned(['api.test']);
    const server = createServer(certificate, (request, response) => response.end(`you asked for ${request.url}`));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close().closeAllConnections());
    const file = join(await directory(), 'ca.pem');
    await writeFile(file, certificate.cert);
    return { port: (server.address() as AddressInfo).port, env: { NODE_EXTRA_CA_CERTS: file } };
  }

  it('reaches its hosts by what it is told in its environment, and no others', async () => {
    const { path, log: lines } = await startProxy({ names: { 'api.test': [['127.0.0.1']] } });
    const { port, env } = await api();
    const who = instance([`api.test:${port}`]);
    const { environment } = await access(path, who, STDIO);
    const get = async (url: string) => {
      const script = 'fetch(process.argv[1]).then((r) => r.text()).catch((e) => String(e.cause)).then(console.log)';
      const { stdout } = await run(process.execPath, ['-e', script, url], { env: { ...env, ...environment } });
      return stdout.trim();
    };
    expect(await get(`https://api.test:${port}/x`)).toBe('you asked for /x');
    expect(await get(`https://evil.test:${port}/x`)).toMatch(/Proxy|403|Request was cancelled/i);
    expect(lines).toEqual([expect.stringContaining(`"target":"evil.test:${port}"`)]);
    expect(JSON.stringify(environment)).not.toContain(who.secret);
  });

  it('may close one side of a connection only', async () => {
    const { port } = await target((socket) => void allOf(socket).then((said) => socket.end(`you said ${said}`)));
    const { path } = await startProxy();
    const { environment } = await access(path, instance([`127.0.0.1:${port}`]), STDIO);
    const socket = connect({ port: Number(new URL(environment.HTTPS_PROXY ?? '').port), allowHalfOpen: true });
    onTestFinished(() => void socket.destroy());
    socket.end(`CONNECT 127.0.0.1:${port} HTTP/1.1\r\nHost: a\r\n\r\nall`);
    expect((await allOf(socket)).toString()).toBe('HTTP/1.1 200 Connection established\r\n\r\nyou said all');
  });

  it('is told so when it asks for something else', async () => {
    const { path } = await startProxy();
    const { environment } = await access(path, { ...instance(['a.test:1']), secret: 'wrong' }, STDIO);
    const { port } = new URL(environment.HTTPS_PROXY ?? '');
    const ask = async (text: string) => {
      const socket = connect({ port: Number(port), allowHalfOpen: true });
      onTestFinished(() => void socket.destroy());
      socket.write(text);
      return (await allOf(socket)).toString();
    };
    expect(await ask('GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n')).toMatch(/^HTTP\/1\.1 405 /);
    expect(await ask('CONNECT a.test HTTP/1.1\r\nHost: a.test\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
    expect(await ask('CONNECT a.test:1 HTTP/1.1\r\nHost: a.test\r\n\r\n')).toMatch(
      /^HTTP\/1\.1 403 .*belongs to another/s,
    );
  });

  it('has it in its environment, unless its catalogue entry says otherwise', async () => {
    const { path } = await startProxy();
    const show = 'console.error(`${process.env.HTTPS_PROXY} ${process.env.NO_PROXY}`)';
    const launch = { ...STDIO, args: ['-e', show], env: { NO_PROXY: 'mine' } };
    const who = instance([]);
    const egress = await access(path, who, launch);
    const stderr = new StderrTail();
    const start = await serverStarter(assignment(who, launch), {
      configDir: '/tmp',
      dist: '/dist',
      log: new ServerLog(new LogRing(), log, systemClock),
      stderr,
      egress,
    });
    const server = await start({ onMessage: () => {}, onExit: () => {} });
    onTestFinished(() => server.close());
    const said = await eventually('it says so', async () => stderr.toString());
    expect(said).toMatch(/^http:\/\/127\.0\.0\.1:\d+ mine/);
  });

  it('finds nobody there any more when the host ends', async () => {
    const { path } = await startProxy();
    const egress = await access(path, instance([]), STDIO);
    const { port } = new URL(egress.environment.HTTPS_PROXY ?? '');
    const open = connect(Number(port));
    await once(open, 'connect');
    await egress[Symbol.asyncDispose]();
    await once(open.resume(), 'close');
    expect(await once(connect(Number(port)), 'error')).toMatchObject([{ code: 'ECONNREFUSED' }]);
    expect((await raw(path)).destroyed).toBe(false);
  });
});
