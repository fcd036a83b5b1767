import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LogLevelSet, LogLine, OpenedSession } from '../../src/core/api.ts';
import { systemClock } from '../../src/core/clock.ts';
import { connectionLabel } from '../../src/core/ids.ts';
import { LIFECYCLE_NAMES, type LifecycleEvent, type OperationsStore, type Page } from '../../src/core/operations.ts';
import { EmbeddedOperations } from '../../src/store/embedded/operations.ts';
import { RedisOperations } from '../../src/store/redis/operations.ts';
import { eventually } from '../support/eventually.ts';
import { LogFollower } from '../support/log-follower.ts';
import { TestManager } from '../support/manager.ts';
import { callTool, RawMcp } from '../support/raw-mcp.ts';
import { Replicas } from '../support/replicas.ts';
import { requires } from '../support/requires.ts';

/** What a client sends: no log may have it. */
const ARGUMENT = 'argument-4711';

interface Deployment extends AsyncDisposable {
  readonly root: string;
  readonly operations: OperationsStore & AsyncDisposable;
  /** Base URLs: whoever follows asks the first, everything else goes to the second. */
  readonly urls: readonly [string, string];
  readonly log: string;
  open(): Promise<OpenedSession>;
}

async function manager(): Promise<Deployment> {
  const manager = await TestManager.start();
  const operations = new EmbeddedOperations({ path: join(manager.state, 'store.db'), clock: systemClock });
  return {
    root: manager.root,
    operations,
    urls: [manager.url, manager.url],
    get log() {
      return manager.log;
    },
    open: () => manager.open(),
    [Symbol.asyncDispose]: async () => {
      await operations[Symbol.asyncDispose]();
      await manager[Symbol.asyncDispose]();
    },
  };
}

async function replicas(): Promise<Deployment> {
  const replicas = await Replicas.start(2, 1);
  const operations = new RedisOperations({ url: replicas.redis.url, clock: systemClock });
  return {
    root: replicas.root,
    operations,
    urls: [replicas.gateway(0).url, replicas.gateway(1).url],
    get log() {
      return [...replicas.gateways, ...replicas.controllers].map(({ log }) => log).join('');
    },
    open: () => replicas.open(1, { servers: ['counting'] }),
    [Symbol.asyncDispose]: async () => {
      await operations[Symbol.asyncDispose]();
      await replicas[Symbol.asyncDispose]();
    },
  };
}

describe('npm start', () => {
  lifeSuite(manager, ['serve']);

  it('keeps its log, and its errors, in files of the state directory', async () => {
    await using started = await TestManager.start();
    const directory = join(started.state, 'logs');
    expect(readFileSync(join(directory, 'mcp-main.log'), 'utf8')).toContain('Session management endpoints registered');
    for (const name of ['mcp-main.log', 'mcp-error.log'])
      expect(statSync(join(directory, name)).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(directory, 'mcp-error.log'), 'utf8')).not.toContain('"level":"info"');
  });

  it('[logs.life] tells of an instance that died, and of a session that nobody used', async () => {
    // Long enough for the next instance to be there before.
    const env = { MCP_SESSION_MANAGER_IDLE_TTL: '10s', MCP_SESSION_MANAGER_RECONCILE_INTERVAL: '200ms' };
    await using started = await TestManager.start({ env });
    const { session } = await started.open();
    const path = join(started.state, 'store.db');
    await using operations = new EmbeddedOperations({ path, clock: systemClock });
    const told = (name: string) =>
      eventually(name, async () => {
        const { items } = await operations.events({ session: session.id, limit: 100 });
        return items.find((event) => event.name === name);
      });
    process.kill(Number(session.servers[0]?.instance), 'SIGKILL');
    expect(await told('instance.failed')).toMatchObject({ owner: 'owner', server: 'counting', incarnation: 1 });
    const failed = await told('instance.failed');
    expect(await told('instance.restarted')).toMatchObject({ incarnation: 2, reason: failed.reason });
    expect(await told('session.expired')).toMatchObject({ reason: 'nobody used it' });
    await eventually('the log says so', async () => started.log.includes('"event":"session.expired"'));
  });

  it('lets those go who follow a log when it ends', async () => {
    await using started = await TestManager.start();
    const { session, token } = await started.open();
    const url = `${started.url}/api/sessions/${session.id}/logs?follow=true`;
    await using follower = await LogFollower.open(url, token);
    await started.kill('SIGTERM');
    await follower.ended;
  });
});
requires('redis')('replicas', () => lifeSuite(replicas, ['controller', 'gateway', 'gateway']));

function lifeSuite(start: () => Promise<Deployment>, roles: readonly string[]): void {
  let deployment: Deployment;
  beforeAll(async () => {
    deployment = await start();
  });
  afterAll(() => deployment?.[Symbol.asyncDispose]());

  async function api<T>(token: string, method: string, path: string, body?: object): Promise<T> {
    const answer = await fetch(`${deployment.urls[1]}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }

  it('[presence] says that it is there, each process for itself', async () => {
    const found = await eventually('all are there', async () => {
      const reports = await deployment.operations.replicas();
      const inCharge = reports.some(({ leads, troubles }) => leads && troubles.length === 0);
      return reports.length === roles.length && inCharge ? reports : undefined;
    });
    expect(found.map(({ role }) => role).sort()).toEqual(roles);
  });

  it('[logs.life] [logs.follow] [logs.private] tells the life of a session, and its log to whoever follows', {
    timeout: 60_000,
  }, async () => {
    const { session, token } = await deployment.open();
    const path = `/api/sessions/${session.id}`;
    await using follower = await LogFollower.open(`${deployment.urls[0]}${path}/logs?follow=true`, token);
    const client = new RawMcp(`${deployment.urls[1]}/mcp/counting`, token);
    await client.initialize();

    const set = await api<LogLevelSet>(token, 'PUT', `${path}/log-level`, { level: 'debug', for_seconds: 60 });
    expect(set).toEqual({ level: 'debug', for_seconds: 60, servers: ['counting'] });
    await client.post(callTool('a', 'echo', { text: ARGUMENT }), { 'idempotency-key': 'key-of-a' });
    const given = await follower.line(({ text }) => text.includes('request given to the server request="key-of-a"'));
    expect(given).toMatchObject({ server: 'counting', stream: 'host', level: 'debug' });
    expect(given.text).toContain(` connection="${connectionLabel(client.id as string)}" method="tools/call"`);
    await client.post(callTool('b', 'crash', {}));
    const last = await follower.line(({ stream }) => stream === 'stderr');
    expect(last.text).toBe('counting-server: crashed as asked');

    await api(token, 'POST', `${path}/servers/counting/restart`);
    await api(token, 'POST', `${path}/log`, { level: 'warn', server: 'counting', text: 'said by a script' });
    expect(await follower.line(({ text }) => text === 'said by a script')).toMatchObject({ level: 'warn' });
    const isSaid = /"level":"warn".*"source":"terminal".*said by a script/;
    await eventually('the log says so too', async () => isSaid.test(deployment.log));
    await client.post(callTool('c', 'echo', { text: ARGUMENT }), { 'idempotency-key': 'key-of-c' });
    await follower.line(({ text }) => text.includes('request answered request="key-of-c"')); // still at debug

    // Written behind the state that the restart was waited for.
    const items = await eventually('the last event is there', async () => {
      const { items: all } = await api<Page<LifecycleEvent>>(token, 'GET', `${path}/events?limit=100`);
      return all[0]?.name === 'instance.restarted' ? all : undefined;
    });
    expect(items.map(({ name }) => name).reverse()).toEqual([
      'session.created',
      'instance.starting',
      'instance.ready',
      'instance.stopped',
      'instance.starting',
      'instance.ready',
      'instance.restarted',
    ]);
    const own = readFileSync(join(deployment.root, 'run', 'logs', session.id, 'counting.log'), 'utf8');
    expect(own).toContain('counting-server: crashed as asked');

    await api(token, 'DELETE', path);
    await follower.ended;
    const ends = await eventually('its end is told', async () => {
      const { items: all } = await deployment.operations.events({ session: session.id, limit: 100 });
      return all.length === items.length + 2 ? all.slice(0, 2) : undefined;
    });
    expect(ends.map(({ name, reason }) => `${name}: ${reason}`).sort()).toEqual([
      'instance.stopped: its session is over',
      'session.ended: it was asked to',
    ]);
    await eventually('the log says so', async () =>
      deployment.log.includes(`"event":"session.ended","session":"${session.id}"`),
    );
    // Again, if the session's directories went away under the reader.
    const files = await eventually('all files are read', async () => filesBelow(deployment.root));
    for (const [name, text] of [...files, ['stderr', deployment.log], ['own', own]])
      expect(`${name}: ${text?.includes(ARGUMENT)}`).toBe(`${name}: false`);
    expect(JSON.stringify(follower.lines)).not.toContain(ARGUMENT);
  });

  it('has the last lines, from a time on, and refuses what it cannot read', async () => {
    const { session, token } = await deployment.open();
    const path = `/api/sessions/${session.id}/logs`;
    const say = (text: string, server = 'counting') =>
      api(token, 'POST', `/api/sessions/${session.id}/log`, { level: 'info', server, text });
    for (const text of ['one', 'two', 'three']) await say(text);
    await say('from elsewhere', 'somebody-else');
    const read = (query: string) => LogFollower.all(`${deployment.urls[0]}${path}?${query}`, token);
    const texts = (lines: readonly LogLine[]) => lines.map(({ text }) => text);
    expect(texts(await read('tail=2'))).toEqual(['three', 'from elsewhere']);
    const [second] = (await read('')).filter(({ text }) => text === 'two');
    const since = new Date(second?.time ?? 0).toISOString();
    expect(texts(await read(`since=${since}&server=counting`))).toEqual(expect.arrayContaining(['two', 'three']));
    for (const query of ['tail=x', 'since=yesterday', 'follow=maybe', 'server=..'])
      await expect(read(query)).rejects.toThrow('400');
    await expect(read('server=nobody')).rejects.toThrow('404');
    await expect(LogFollower.all(`${deployment.urls[0]}${path}`, 'x.y.z')).rejects.toThrow('401');
    for (const body of [{}, { level: 'loud', server: 'a', text: 'x' }, { level: 'info', server: '../x', text: 'x' }])
      await expect(api(token, 'POST', `/api/sessions/${session.id}/log`, body)).rejects.toThrow('400');
    for (const body of [{ level: 'debug' }, { level: 'debug', for_seconds: 1e9 }])
      await expect(api(token, 'PUT', `/api/sessions/${session.id}/log-level`, body)).rejects.toThrow('400');
    for (const query of ['limit=0', 'limit=x', 'after=x'])
      await expect(api(token, 'GET', `/api/sessions/${session.id}/events?${query}`)).rejects.toThrow('400');
  });

  it('[logs.life] says nothing but what docs/logs.md lists', () => {
    const said = [...deployment.log.matchAll(/"event":"([^"]+)"/g)].map(([, name]) => name as string);
    expect(said.length).toBeGreaterThan(5);
    const documented = readFileSync(new URL('../../docs/logs.md', import.meta.url), 'utf8');
    const listed = [...documented.matchAll(/^\| `((?:session|instance)\.\w+)` \|/gm)].map(([, name]) => name);
    expect(listed).toEqual([...LIFECYCLE_NAMES]);
    for (const name of new Set(said)) expect(listed).toContain(name);
  });
}

/** Everything that was written, the database aside: it holds no log. */
function filesBelow(root: string): [string, string][] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.includes('.log'))
    .map((entry) => [entry.name, readFileSync(join(entry.parentPath, entry.name), 'utf8')]);
}
