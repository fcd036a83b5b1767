import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { OpenedSession, SessionList, SessionView } from '../../src/core/api.ts';
import { newConnectionId } from '../../src/core/ids.ts';
import { createApi } from '../../src/gateway/api/api.ts';
import type { PublicHealth } from '../../src/gateway/api/probes.ts';
import { SessionViews } from '../../src/gateway/api/session-views.ts';
import { Tokens } from '../../src/sessions/tokens.ts';
import { settle } from '../fakes/fake-clock.ts';
import { AdminParts } from '../support/admin-parts.ts';
import { CATALOGUE, ControlPlane, KEY } from '../support/control-plane.ts';

const CREDENTIAL = 'the-owner';
const BODY = {
  terminal: { name: 'pts_3', host: 'laptop', leader: { pid: 100, startedAt: '1' } },
  workspace: '/work',
};

/** The API over real HTTP, on the control plane with fakes. */
class ApiServer implements AsyncDisposable {
  readonly plane = new ControlPlane();
  readonly tokens = new Tokens(KEY, this.plane.clock);
  readonly admin = new AdminParts(this.plane);
  notReady: () => Promise<string | undefined> = async () => undefined;
  health: PublicHealth = { status: 'healthy', reasons: [] };
  readonly #server = createServer();
  #url = '';

  static async start(): Promise<ApiServer> {
    const api = new ApiServer();
    const { plane, tokens } = api;
    const { store, hosts, keys, clock } = plane;
    const app = createApi({
      ...api.admin.api,
      tokens,
      catalogue: CATALOGUE,
      owner: { name: 'owner', credential: CREDENTIAL },
      guard: { allowedHosts: ['127.0.0.1'], allowedOrigins: ['127.0.0.1'] },
      views: new SessionViews({ store, hosts, keys, clock, statusMs: 500 }),
      controller: plane.controller,
      notReady: () => api.notReady(),
      health: async () => api.health,
      version: '1.2.3',
      endpoints: { mcp: '/mcp' },
    });
    api.#server.on('request', app);
    api.#server.listen(0, '127.0.0.1');
    await once(api.#server, 'listening');
    api.#url = `http://127.0.0.1:${(api.#server.address() as AddressInfo).port}`;
    await plane.up();
    return api;
  }

  async call(method: string, path: string, { bearer = CREDENTIAL, body, headers = {}, signal }: CallOptions = {}) {
    const response = await fetch(this.#url + path, {
      method,
      headers: {
        ...(bearer ? { authorization: `Bearer ${bearer}` } : {}),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      ...(signal ? { signal } : {}),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, json: text ? JSON.parse(text) : undefined };
  }

  async open(change: object = {}): Promise<OpenedSession> {
    const { status, json } = await this.call('POST', '/api/sessions', { body: { ...BODY, ...change } });
    expect([200, 201]).toContain(status);
    return json;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await this.plane.down();
    await this.admin[Symbol.asyncDispose]();
  }
}

interface CallOptions {
  readonly bearer?: string;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
}

const servers: ApiServer[] = [];
async function start(): Promise<ApiServer> {
  const server = await ApiServer.start();
  servers.push(server);
  return server;
}
afterEach(async () => {
  for (const server of servers.splice(0)) await server[Symbol.asyncDispose]();
});
const serverOf = (view: SessionView, name: string) => view.servers.find((server) => server.name === name);

describe('session API: the way through', () => {
  it('opens a session whose servers run when it answers', async () => {
    const api = await start();
    api.plane.hosts.condition = { usage: { memoryBytes: 1024, cpuSeconds: 1.5, pids: 2 } };
    const { status, json, headers } = await api.call('POST', '/api/sessions', { body: BODY });
    expect(status).toBe(201);
    expect(headers.get('cache-control')).toBe('no-store');
    const { session, token, created } = json as OpenedSession;
    expect(created).toBe(true);
    const { createdAt, terminal } = session;
    expect(session).toMatchObject({ owner: 'owner', workspace: '/work', keep: false, connections: 0 });
    expect(terminal).toEqual(BODY.terminal);
    expect(session.deadline).toBe(createdAt + 1_800_000);
    expect(session.servers.map(({ name, state }) => [name, state])).toEqual([
      ['filesystem', 'ready'],
      ['proxmox', 'ready'],
    ]);
    expect(serverOf(session, 'filesystem')).toMatchObject({ memoryBytes: 1024, cpuSeconds: 1.5, restarts: 0 });
    expect(api.tokens.verify(token)).toMatchObject({ session: session.id });
    const again = await api.call('POST', '/api/sessions', { body: { ...BODY, attach: true } });
    expect(again.status).toBe(200);
    expect(again.json).toMatchObject({ created: false, session: { id: session.id } });
  });

  it('starts no server before its first use if asked to', async () => {
    const api = await start();
    api.plane.runtime.modes.set('filesystem', 'never');
    const { session } = await api.open({ lazy: true });
    expect(serverOf(session, 'filesystem')?.state).toBe('idle');
  });

  it('opens the session even if a server cannot be started, and says why', async () => {
    const api = await start();
    api.plane.hosts.refusals.set('proxmox', new Error('PROXMOX_HOST is not set'));
    const opening = api.open();
    const { clock, sessions } = api.plane;
    await eventuallyOpened(api);
    await clock.advance(40_000);
    const { session } = await opening;
    expect(serverOf(session, 'filesystem')).toMatchObject({ state: 'ready' });
    expect(serverOf(session, 'proxmox')).toMatchObject({
      state: 'failed',
      reason: 'PROXMOX_HOST is not set',
      stderr: 'log of proxmox',
    });
    expect(await sessions.list('owner')).toHaveLength(1);
  });

  it('shows, stops, starts and restarts, for the owner and with the token', async () => {
    const api = await start();
    const { session, token } = await api.open();
    const path = `/api/sessions/${session.id}`;
    for (const bearer of [CREDENTIAL, token]) {
      expect((await api.call('GET', path, { bearer })).json).toMatchObject({ id: session.id });
      const stop = await api.call('POST', `${path}/servers/filesystem/stop`, { bearer });
      expect(serverOf(stop.json, 'filesystem')).toEqual({ name: 'filesystem', state: 'stopped' });
      expect(api.plane.runtime.running()).toHaveLength(1);
      const started = await api.call('POST', `${path}/servers/filesystem/start`, { bearer });
      expect(serverOf(started.json, 'filesystem')?.state).toBe('ready');
      const before = serverOf(started.json, 'filesystem')?.instance;
      const restarted = await api.call('POST', `${path}/servers/filesystem/restart`, { bearer });
      expect(serverOf(restarted.json, 'filesystem')).toMatchObject({ state: 'ready', restarts: 0 });
      expect(serverOf(restarted.json, 'filesystem')?.instance).not.toBe(before);
    }
    const all = await api.call('POST', `${path}/stop`, { bearer: token });
    expect((all.json as SessionView).servers.map(({ state }) => state)).toEqual(['stopped', 'stopped']);
    expect(api.plane.runtime.size).toBe(0);
  });

  it('says "stopped" when nothing runs any more', async () => {
    const api = await start();
    const { session } = await api.open();
    const gate = Promise.withResolvers<void>();
    api.plane.runtime.stopGate = gate.promise;
    let answered = false;
    const stopping = api.call('POST', `/api/sessions/${session.id}/stop`).then(() => {
      answered = true;
    });
    await eventually(async () => api.plane.signals.listeners > 1);
    await settle();
    expect(answered).toBe(false);
    gate.resolve();
    await stopping;
    expect(api.plane.runtime.size).toBe(0);
  });

  it('does not show the instance of before a restart as the one after it', async () => {
    const api = await start();
    const { session } = await api.open();
    api.plane.signals.lost = true;
    await api.plane.sessions.setServer(session.id, 'filesystem', 'restart');
    const { json } = await api.call('GET', `/api/sessions/${session.id}`);
    expect(serverOf(json, 'filesystem')).toEqual({ name: 'filesystem', state: 'pending' });
  });

  it('lists, cleans up and ends', async () => {
    const api = await start();
    const { session, token } = await api.open();
    const { json } = await api.call('GET', '/api/sessions');
    expect((json as SessionList).sessions).toEqual([session]);
    api.plane.deadLeaders.add(100);
    expect((await api.call('GET', '/api/cleanup')).json).toEqual({ sessions: [session.id], orphans: [] });
    expect((await api.call('POST', '/api/cleanup')).json).toEqual({ sessions: [session.id], orphans: 0 });
    const other = await api.open({ keep: true });
    expect((await api.call('GET', `/api/sessions/${other.session.id}`, { bearer: token })).status).toBe(404);
    const path = `/api/sessions/${other.session.id}`;
    expect(await api.call('DELETE', path, { bearer: other.token })).toMatchObject({ status: 204, text: '' });
    expect(await api.call('DELETE', path, { bearer: other.token })).toMatchObject({
      status: 404,
      json: { error: { code: 'session.over' } },
    });
  });

  it('names the servers, their variables, and what is run', async () => {
    const api = await start();
    expect((await api.call('GET', '/api/catalogue')).json).toEqual({
      servers: [
        { name: 'filesystem', variables: [], command: 'node', args: ['${workspace}'] },
        { name: 'proxmox', variables: ['PROXMOX_TOKEN'] },
      ],
    });
  });

  it('does not keep a session alive by looking at it, and counts its connections', async () => {
    const api = await start();
    const { session } = await api.open();
    const record = { id: newConnectionId(), session: session.id, protocolVersion: 'v', initialize: {}, createdAt: 0 };
    await api.plane.store.add(record);
    await api.plane.clock.advance(1000);
    const { json } = await api.call('GET', `/api/sessions/${session.id}`);
    expect(json).toMatchObject({ deadline: session.deadline, connections: 1 });
  });
});

describe('session API: what an instance says of itself', () => {
  it('shows a server that ends again and again', async () => {
    const api = await start();
    const failure = { reason: 'it ended with code 1', stderr: 'boom', at: 0 };
    api.plane.hosts.condition = { circuit: 'open', restarts: 4, lastActivityAt: 5, failure };
    const { session } = await api.open();
    expect(serverOf(session, 'filesystem')).toMatchObject({
      state: 'failing',
      reason: 'it ended with code 1',
      stderr: 'boom',
      restarts: 4,
      lastActivityAt: 5,
    });
  });

  it('shows a server that has ended and has not come up since, but none that has', async () => {
    const api = await start();
    const failure = { reason: 'it ended with code 1', stderr: '', at: 0 };
    api.plane.hosts.condition = { children: 0, failure };
    const { session } = await api.open();
    expect(serverOf(session, 'filesystem')).toMatchObject({ state: 'failing', reason: failure.reason });
    api.plane.hosts.condition = { children: 1, failure };
    const { json } = await api.call('GET', `/api/sessions/${session.id}`);
    expect(serverOf(json, 'filesystem')?.state).toBe('ready');
  });

  it('is not held up by one that does not answer', async () => {
    const api = await start();
    const { session } = await api.open();
    api.plane.hosts.condition = 'silent';
    const looking = api.call('GET', `/api/sessions/${session.id}`);
    await eventually(async () => {
      await api.plane.clock.advance(500);
      return Promise.race([looking.then(() => true), settle().then(() => false)]);
    });
    expect(serverOf((await looking).json, 'filesystem')).toMatchObject({
      state: 'failing',
      reason: 'its instance does not answer',
    });
  });
});

describe('session API: refusals', () => {
  it('wants to know who calls', async () => {
    const api = await start();
    const { session, token } = await api.open();
    const path = `/api/sessions/${session.id}`;
    const missing = await api.call('GET', path, { bearer: '' });
    expect(missing).toMatchObject({ status: 401, json: { error: { code: 'auth.missing' } } });
    expect(missing.headers.get('www-authenticate')).toBe('Bearer');
    for (const bearer of ['wrong', `${CREDENTIAL}x`, CREDENTIAL.slice(1), `${token}x`]) {
      const { status, json } = await api.call('GET', path, { bearer });
      expect({ status, code: json.error.code }).toEqual({ status: 401, code: 'auth.invalid' });
    }
    const basic = await api.call('GET', path, { bearer: '', headers: { authorization: `Basic ${CREDENTIAL}` } });
    expect(basic.status).toBe(401);
  });

  it("[attack.2] lets a token do nothing but its own session's business", async () => {
    const api = await start();
    const { token } = await api.open();
    const { session: other } = await api.open({ terminal: { name: 'b', host: 'h' } });
    const answers = [];
    for (const id of [other.id, 'none-aaaaaaaaaaaaaaaa', 'x'])
      for (const [method, rest] of [
        ['GET', ''],
        ['DELETE', ''],
        ['POST', '/stop'],
        ['POST', '/servers/filesystem/stop'],
      ] as const)
        answers.push(await api.call(method, `/api/sessions/${id}${rest}`, { bearer: token }));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([403]));
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    for (const [method, path] of [
      ['GET', '/api/sessions'],
      ['POST', '/api/sessions'],
      ['GET', '/api/catalogue'],
      ['GET', '/api/cleanup'],
      ['POST', '/api/cleanup'],
    ] as const)
      expect((await api.call(method, path, { bearer: token })).json.error.code, path).toBe('auth.forbidden');
    expect((await api.call('GET', `/api/sessions/${other.id}`)).json.servers[0].state).toBe('ready');
  });

  it("hides another owner's session", async () => {
    const api = await start();
    const { record } = await api.plane.sessions.open('somebody else', BODY);
    const { status, text } = await api.call('GET', `/api/sessions/${record.id}`);
    expect(status).toBe(404);
    expect((await api.call('GET', '/api/sessions/none-aaaaaaaaaaaaaaaa')).text).toBe(text);
    expect((await api.call('GET', '/api/sessions')).json).toEqual({ sessions: [] });
  });

  it('says what is wrong with a body', async () => {
    const api = await start();
    const post = (body: unknown, headers = {}) => api.call('POST', '/api/sessions', { body, headers });
    const invalid = await post({ ...BODY, terminal: { name: 'a b', host: 'h' }, workspaze: 1 });
    expect(invalid).toMatchObject({ status: 400, json: { error: { code: 'request.invalid' } } });
    expect(invalid.json.error.data.problems).toContainEqual(expect.objectContaining({ field: 'terminal.name' }));
    expect(invalid.json.error.message).toContain('workspaze');
    expect(await post('{"a":')).toMatchObject({ status: 400, json: { error: { code: 'request.unparsable' } } });
    expect(await post('null')).toMatchObject({ status: 400 });
    expect(await post('{}', { 'content-type': 'text/plain' })).toMatchObject({
      status: 415,
      json: { error: { code: 'request.media-type' } },
    });
    const large = await post(JSON.stringify({ a: 'x'.repeat(1_100_000) }));
    expect(large).toMatchObject({ status: 413, json: { error: { code: 'request.too-large' } } });
    expect(await api.plane.sessions.list('owner')).toEqual([]);
  });

  it('answers what it does not know with JSON', async () => {
    const api = await start();
    const { session } = await api.open();
    const path = `/api/sessions/${session.id}`;
    for (const unknown of ['/', '/nope', '/api/nope', `${path}/nope`]) {
      const { status, json } = await api.call('GET', unknown);
      expect({ status, code: json.error.code }).toEqual({ status: 404, code: 'not-found' });
    }
    expect((await api.call('POST', `${path}/servers/filesystem/explode`)).json.error.code).toBe('not-found');
    expect((await api.call('POST', `${path}/servers/nope/stop`)).json.error.code).toBe('server.unknown');
    expect((await api.call('GET', '/api/sessions/%E0%A4%A')).json.error.code).toBe('request.invalid');
  });

  it('takes an outage for an outage, and gives nothing away about a fault', async () => {
    const api = await start();
    const { session } = await api.open();
    api.plane.store.down = true;
    const out = await api.call('GET', `/api/sessions/${session.id}`);
    expect(out).toMatchObject({ status: 503, json: { error: { code: 'store.unavailable' } } });
    expect(out.headers.get('retry-after')).toBe('1');
    api.plane.store.down = false;
    api.plane.store.afterPeek = () => Promise.reject(new Error('secret detail'));
    const fault = await api.call('GET', `/api/sessions/${session.id}`);
    expect(fault).toMatchObject({ status: 500, json: { error: { code: 'internal' } } });
    expect(fault.text).not.toContain('secret detail');
    expect(api.plane.log.warnings).toContain('request failed');
    expect(fault.headers.get('x-powered-by')).toBeNull();
  });

  it('stops waiting when the client has gone', async () => {
    const api = await start();
    api.plane.runtime.modes.set('filesystem', 'never');
    const gone = new AbortController();
    const opening = expect(api.call('POST', '/api/sessions', { body: BODY, signal: gone.signal })).rejects.toThrow();
    await eventually(async () => api.plane.signals.listeners > 1);
    gone.abort();
    await opening;
    await eventually(async () => api.plane.signals.listeners === 1); // the controller's
    expect(api.plane.log.warnings).toEqual([]);
  });
});

describe('probes', () => {
  it('are open to everybody', async () => {
    const api = await start();
    const get = (path: string) => api.call('GET', path, { bearer: '' });
    const endpoints = { mcp: '/mcp' };
    const facts = { server: 'mcp-session-manager', version: '1.2.3', machine_id: 'laptop', endpoints };
    const more = { ssl_enabled: false, reasons: [] };
    expect(await get('/health')).toMatchObject({ status: 200, json: { status: 'healthy', ...facts, ...more } });
    expect(await get('/livez')).toMatchObject({ status: 200, json: { status: 'ok' } });
    expect(await get('/readyz')).toMatchObject({ status: 200, json: { status: 'ready' } });
    api.notReady = async () => 'draining';
    const reasons = [{ code: 'draining', text: 'A gateway is being drained', detail: 'pve1' }];
    api.health = { status: 'degraded', reasons };
    const degraded = await get('/health');
    expect(degraded).toMatchObject({ status: 200, json: { status: 'degraded', ...facts } });
    expect(degraded.text).not.toContain('pve1');
    api.health = { status: 'unhealthy', reasons };
    expect(await get('/health')).toMatchObject({ status: 503, json: { status: 'unhealthy' } });
    expect(await get('/livez')).toMatchObject({ status: 200 });
    expect(await get('/readyz')).toMatchObject({ status: 503, json: { status: 'not-ready', reason: 'draining' } });
    api.notReady = () => Promise.reject(new Error('the store is down'));
    expect(await get('/readyz')).toMatchObject({ status: 503, json: { reason: 'the store is down' } });
  });
});

/** The request is real and takes real time: looks until `look` says yes. */
async function eventually(look: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 10_000; Date.now() < deadline; await settle()) if (await look()) return;
  throw new Error('not within 10 s');
}

const eventuallyOpened = (api: ApiServer) =>
  eventually(async () => (await api.plane.sessions.list('owner')).length === 1);
