import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { RedisServer } from '../support/redis.ts';
import { requires } from '../support/requires.ts';

const MAIN = new URL('../../src/main.ts', import.meta.url).pathname;

let root: string;
let state: string;
let children: ChildProcessByStdio<null, Readable, Readable>[];
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'serve-'));
  state = join(root, 'state');
  children = [];
});
afterEach(async () => {
  for (const child of children.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null)) {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  rmSync(root, { recursive: true });
});

/** Starts `serve` on any free port, with directories of its own. */
function serve(env: NodeJS.ProcessEnv = {}, args: string[] = []) {
  const child = spawn(process.execPath, [MAIN, 'serve', ...args], {
    env: {
      PATH: process.env.PATH,
      HOME: root,
      MCP_SESSION_MANAGER_STATE: state,
      MCP_SESSION_MANAGER_RUNTIME_ROOT: join(root, 'run'),
      MCP_SESSION_MANAGER_PORT: '0',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  const output = Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]).then(
    ([stdout, stderr, [code]]) => ({ stdout, stderr, code: code as number | null }),
  );
  return { child, output };
}

const manager = () => JSON.parse(readFileSync(join(state, 'manager.json'), 'utf8')) as { url: string; pid: number };

/** A manager that listens. */
async function serving(env: NodeJS.ProcessEnv = {}) {
  const run = serve(env);
  await Promise.race([eventually('manager.json', async () => existsSync(join(state, 'manager.json'))), run.output]);
  return { ...run, ...manager() };
}

describe('serve', () => {
  it('serves, says where in one line, and ends in order', async () => {
    const { child, output, url, pid } = await serving();
    expect(pid).toBe(child.pid);
    expect((await fetch(`${url}/health`)).status).toBe(200);
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    expect((await fetch(`${url}/nothing`)).status).toBe(404);
    const credential = readFileSync(join(state, 'credential'), 'utf8').trim();
    const sessions = await fetch(`${url}/api/sessions`, { headers: { authorization: `Bearer ${credential}` } });
    expect(await sessions.json()).toEqual({ sessions: [] });
    expect((await fetch(`${url}/mcp`, { method: 'POST' })).status).toBeGreaterThanOrEqual(400);
    child.kill('SIGTERM');
    const { stdout, stderr, code } = await output;
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`^mcp-session-manager is ready: ${url} .*\\n$`));
    expect(existsSync(join(state, 'manager.json'))).toBe(false);
    for (const line of stderr.trim().split('\n')) expect(JSON.parse(line)).toHaveProperty('message');
    expect(stdout + stderr).not.toContain(credential);
    expect(statSync(state).mode & 0o777).toBe(0o700);
  });

  it('ends in order however often it is asked, as by Ctrl-C under npm', async () => {
    const { child, output } = await serving();
    child.kill('SIGINT');
    child.kill('SIGINT');
    child.kill('SIGTERM');
    expect((await output).code).toBe(0);
    expect(existsSync(join(state, 'manager.json'))).toBe(false);
  });

  it('ends open connections of clients that stay', async () => {
    const { child, output, url } = await serving();
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    await once(socket, 'connect');
    socket.write('POST /mcp HTTP/1.1\r\nHost: localhost\r\n'); // and nothing more
    const closed = once(socket.resume(), 'close');
    child.kill('SIGTERM');
    expect((await output).code).toBe(0);
    await closed;
  });

  it('starts again after SIGKILL, and is found at its new address', async () => {
    const first = await serving();
    first.child.kill('SIGKILL');
    await first.output;
    rmSync(join(state, 'manager.json'));
    const second = await serving();
    expect((await fetch(`${second.url}/health`)).status).toBe(200);
    expect(second.pid).not.toBe(first.pid);
  });

  it('refuses to be a second one on the same state', async () => {
    const { pid, url } = await serving();
    const { stdout, stderr, code } = await serve().output;
    expect({ stdout, code }).toEqual({ stdout: '', code: 1 });
    expect(stderr).toContain(`(process ${pid}, ${url})`);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(manager()).toEqual({ pid, url });
  });

  it('says who has the port', async () => {
    const { url, pid } = await serving();
    const { port } = new URL(url);
    const { stderr, code } = await serve({
      MCP_SESSION_MANAGER_STATE: join(root, 'other'),
      MCP_SESSION_MANAGER_RUNTIME_ROOT: join(root, 'run2'),
      MCP_SESSION_MANAGER_PORT: port,
    }).output;
    expect(code).toBe(1);
    expect(stderr).toContain(`Port ${port} of 127.0.0.1 is taken by`);
    if (process.platform === 'linux') expect(stderr).toContain(`process ${pid} (`);
  });

  it.each<[string, NodeJS.ProcessEnv, string[], string]>([
    ['a setting', { MCP_SESSION_MANAGER_IDLE_TTL: 'long' }, [], '$MCP_SESSION_MANAGER_IDLE_TTL must be a duration'],
    ['a file', {}, ['--config', '/nowhere.json'], 'cannot be read: /nowhere.json'],
    ['an argument', {}, ['--prot', '1'], "serve [--config FILE]: Unknown option '--prot'"],
    ['a catalogue', { MCP_SESSION_MANAGER_CATALOGUE: '/nowhere.json' }, [], 'cannot be read: /nowhere.json'],
  ])('names what is wrong with %s, and starts nothing', async (_what, env, args, expected) => {
    const { stdout, stderr, code } = await serve(env, args).output;
    expect({ stdout, code }).toEqual({ stdout: '', code: 1 });
    expect(stderr).toContain(expected);
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  it("takes the user's own servers from the state directory", async () => {
    const first = await serving();
    first.child.kill('SIGTERM');
    await first.output;
    writeFileSync(join(state, 'catalogue.json'), '{"mcpServers": {"third": {"command": "x"}, "proxmox": null}}');
    const { url } = await serving();
    const authorization = `Bearer ${readFileSync(join(state, 'credential'), 'utf8').trim()}`;
    const answer = await fetch(`${url}/api/catalogue`, { headers: { authorization } });
    expect(await answer.json()).toMatchObject({ servers: [{ name: 'filesystem' }, { name: 'third' }] });
  });

  it('does not start on a state directory that others may enter', async () => {
    const first = await serving();
    first.child.kill('SIGTERM');
    await first.output;
    chmodSync(state, 0o755);
    const { stderr, code } = await serve().output;
    expect(code).toBe(1);
    expect(stderr).toContain(`run chmod 700 '${state}'`);
  });
});

requires('redis')('serve with Redis', () => {
  it('[attack.health] keeps sessions there, and is not ready while it is out of reach', async () => {
    await using redis = await RedisServer.start();
    const { url, child, output } = await serving({ MCP_SESSION_MANAGER_STORE: redis.url });
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    expect(existsSync(join(state, 'store.db'))).toBe(false);
    await redis.kill();
    expect((await fetch(`${url}/readyz`)).status).toBe(503);
    expect((await fetch(`${url}/livez`)).status).toBe(200);
    child.kill('SIGTERM');
    expect((await output).code).toBe(0);
  });
});
