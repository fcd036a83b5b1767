import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { shownAt } from '../support/series.ts';
import { allOf, basic, connected, directory, instance, KEY, refused, target } from './egress-setup.ts';

const MAIN = new URL('../../src/main.ts', import.meta.url).pathname;

/** The role as a process of its own, ended with the test. */
async function egress(env: NodeJS.ProcessEnv = {}) {
  const root = await directory();
  const socket = join(root, 'sockets', 'egress.sock');
  writeFileSync(join(root, 'key'), KEY);
  const child = spawn(process.execPath, [MAIN, 'egress'], {
    env: {
      PATH: process.env.PATH,
      HOME: root,
      MCP_SESSION_MANAGER_STATE: join(root, 'state'),
      MCP_SESSION_MANAGER_KEY_FILE: join(root, 'key'),
      MCP_SESSION_MANAGER_EGRESS_SOCKET: socket,
      MCP_SESSION_MANAGER_EGRESS_ALLOW_LOOPBACK: 'true',
      MCP_SESSION_MANAGER_PORT: '0',
      ...env,
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const exit = once(child, 'close').then(([code]) => code as number | null); // all that it said has been read
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (chunk) => {
    stderr += chunk;
  });
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await exit;
  });
  /** Its URL, once it says that it is ready: the socket is there a moment before anybody listens on it. */
  const ready = () => eventually('it is ready', async () => /"url":"([^"]+)"/.exec(stderr)?.[1]);
  return { child, exit, stderr: () => stderr, ready, socket, root };
}

it('serves instances until it is asked to end, and shows what it did', async () => {
  const { child, exit, stderr, ready, socket, root } = await egress();
  const { port } = await target((one) => void one.pipe(one));
  const authority = `127.0.0.1:${port}`;
  await ready();
  expect(statSync(dirname(socket)).mode & 0o7777).toBe(0o2750);
  expect(await refused(socket, authority, basic(instance(['other.test:1'])))).toMatch(/^HTTP\/1\.1 403 /);
  const open = await connected(socket, authority, instance([authority]));
  child.kill('SIGTERM');
  await eventually('it takes nothing new', async () => !existsSync(socket));
  open.end('still');
  expect((await allOf(open)).toString()).toBe('still');
  expect(await exit).toBe(0);
  const said = stderr()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(said.map(({ message }) => message)).toEqual(['ready', 'connection refused', 'ending']);
  expect(existsSync(join(root, 'state', 'credential'))).toBe(false);
});

it('answers probes and shows its figures', async () => {
  const port = await freePort();
  const { socket, ready } = await egress({ MCP_SESSION_MANAGER_METRICS_PORT: String(port) });
  const url = await ready();
  expect(await refused(socket, 'a.test:1')).toMatch(/^HTTP\/1\.1 407 /);
  const get = (path: string) => fetch(`${url}${path}`);
  expect((await get('/livez')).status).toBe(200);
  expect((await get('/readyz')).status).toBe(200);
  expect((await get('/')).status).toBe(404);
  expect((await get('/metrics')).status).toBe(404);
  const shown = (path: string, method = 'GET') => fetch(`http://127.0.0.1:${port}${path}`, { method });
  for (const answer of [await shown('/'), await shown('/livez'), await shown('/metrics', 'POST')])
    expect(answer.status).toBe(404);
  const figures = await (await shown('/metrics')).text();
  expect(figures).toMatch(/^nodejs_eventloop_lag_seconds /m);
  expect(figures).toMatch(/^mcp_build_info\{.*role="egress"\} 1$/m);
  expect(figures).toContain('mcp_egress_refused_total{reason="credentials"} 1\n');
  expect(figures).toContain('mcp_egress_refused_total{reason="host"} 0\n');
  expect(figures).toContain('mcp_egress_connections 0\n');
});

it('counts connections, what went over them, and what was refused', async () => {
  const port = await freePort();
  const { socket, ready } = await egress({ MCP_SESSION_MANAGER_METRICS_PORT: String(port) });
  const { port: echo } = await target((one) => void one.pipe(one));
  const authority = `127.0.0.1:${echo}`;
  await ready();
  expect(await refused(socket, authority, basic(instance(['other.test:1'])))).toMatch(/^HTTP\/1\.1 403 /);
  const open = await connected(socket, authority, instance([authority]));
  const first = await shownAt(port);
  expect(first.get('mcp_egress_connections')).toBe(1);
  expect(first.get('mcp_egress_connections_total')).toBe(1);
  expect(first.get('mcp_egress_refused_total{reason="host"}')).toBe(1);
  open.end('still');
  await allOf(open);
  const all = await eventually('it is over', async () => {
    const shown = await shownAt(port);
    return shown.get('mcp_egress_connections') === 0 ? shown : undefined;
  });
  expect(all.get('mcp_egress_connections_total')).toBe(1);
  expect(all.get('mcp_egress_sent_bytes_total')).toBe(5);
  expect(all.get('mcp_egress_received_bytes_total')).toBe(5);
});

it('says what is wrong when it cannot start', async () => {
  const long = await egress({ MCP_SESSION_MANAGER_EGRESS_SOCKET: `/tmp/${'x'.repeat(110)}` });
  expect(await long.exit).toBe(1);
  expect(long.stderr()).toMatch(/^mcp-session-manager: The egress proxy cannot listen on .*EINVAL/m);
  const { exit, stderr } = await egress({ MCP_SESSION_MANAGER_EGRESS_ALLOW_LOOPBACK: 'maybe' });
  expect(await exit).toBe(1);
  expect(stderr()).toContain('$MCP_SESSION_MANAGER_EGRESS_ALLOW_LOOPBACK must be true or false');
});
