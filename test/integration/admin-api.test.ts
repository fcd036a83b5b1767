import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PASSWORD } from '../support/admin-parts.ts';
import { AdminServer, CREDENTIAL } from '../support/admin-server.ts';
import { eventually } from '../support/eventually.ts';

const ALL = ['admin', 'olga', 'dora'] as const;

let server: AdminServer;
beforeEach(async () => {
  server = await AdminServer.start();
});
afterEach(() => server[Symbol.asyncDispose]());

const call: AdminServer['call'] = (...args) => server.call(...args);
const post = (path: string, as: string, body?: object) =>
  call('POST', `/admin/api${path}`, { as, ...(body ? { body } : {}) });
const audited = async () => (await call('GET', '/admin/api/audit', { as: 'admin' })).json.items;

describe('login', () => {
  it('[admin.fields] gives a token, which refreshes and ends', async () => {
    const login = await call('POST', '/admin/api/login', { body: { username: 'olga', password: PASSWORD } });
    expect(login).toMatchObject({ status: 200, json: { status: 'success', role: 'operator', expires_in: 900 } });
    expect(login.headers.get('cache-control')).toBe('no-store');
    expect(login.headers.get('x-content-type-options')).toBe('nosniff');
    expect(login.headers.get('access-control-allow-origin')).toBeNull();
    const whoami = (token: string) => call('GET', '/admin/api/whoami', { token });
    expect((await whoami(login.json.token)).json).toEqual({ name: 'olga', role: 'operator' });
    const body = { refresh_token: login.json.refresh_token };
    const next = await call('POST', '/admin/api/refresh-token', { body });
    expect(next).toMatchObject({ status: 200, json: { status: 'success', role: 'operator' } });
    expect((await call('POST', '/admin/api/logout', { token: next.json.token })).status).toBe(200);
    for (const token of [login.json.token, next.json.token]) expect((await whoami(token)).status).toBe(401);
  });

  it('[admin.fields] says `error` to whoever is wrong, and when to come back to whoever is wrong too often', async () => {
    const body = { username: 'admin', password: 'wrong' };
    const wrong = await call('POST', '/admin/api/login', { body });
    expect(wrong).toMatchObject({ status: 401, json: { error: { code: 'auth.invalid' } } });
    for (let n = 1; n < 10; n++) await call('POST', '/admin/api/login', { body });
    const barred = await call('POST', '/admin/api/login', { body: { ...body, password: PASSWORD } });
    expect(barred).toMatchObject({ status: 429, json: { error: { code: 'auth.throttled' } } });
    expect(barred.headers.get('retry-after')).toBe('300');
  });

  it('[people.input] takes a name and a password, and nothing else', async () => {
    for (const body of [
      {},
      [],
      { username: 'admin' },
      { username: ['admin'], password: PASSWORD },
      { username: { $ne: '' }, password: { $ne: '' } },
      { username: 'admin', password: 'x'.repeat(2000) },
      { username: 'admin', password: PASSWORD, role: 'admin' },
      '{"username":"admin","password":"x","__proto__":{"role":"admin"}}',
      '{"__proto__":{"username":"admin","password":"correct horse battery"}}',
      '{"constructor":{"prototype":{"username":"admin"}}}',
      'null',
      '"admin"',
      '{',
    ])
      expect((await call('POST', '/admin/api/login', { body })).status, JSON.stringify(body)).toBe(400);
    expect(({} as { username?: string }).username).toBeUndefined();
    const large = await call('POST', '/admin/api/login', { body: { username: 'a'.repeat(20_000), password: '' } });
    expect(large.status).toBe(413);
    const form = { body: `username=admin&password=${PASSWORD}`, headers: { 'content-type': 'text/plain' } };
    expect((await call('POST', '/admin/api/login', form)).status).toBe(415);
  });
});

describe('what operators look at and do', () => {
  it('[admin.fields] health, debug, refresh, cleanup, recover have the fields that scripts know', async () => {
    const { id, createdAt } = await server.open('dora', 'pts_1', 100);
    const { json: health } = await call('GET', '/admin/api/sessions/health', { as: 'olga' });
    expect(health).toMatchObject({
      active_sessions: 1,
      session_details: [{ session_id: id, is_terminated: false, created_at: new Date(createdAt).toISOString() }],
      server_uptime: expect.any(Number),
      mcp_config: { sse_path: '/sse', message_path: '/messages/', stateless: false, session_recovery_enabled: true },
    });
    const { json: debug } = await call('GET', '/admin/api/sessions/debug', { as: 'olga' });
    expect(debug).toMatchObject({
      session_manager_available: false,
      mcp_server_available: false,
      stored_activities: 1,
      stored_sessions: 1,
      config: { store: 'embedded' },
    });
    await server.plane.clock.advance(600_000);
    const all = await post('/sessions/refresh', 'olga', {});
    const at = new Date(server.plane.clock.now()).toISOString();
    expect(all.json).toEqual({ message: '1 session was refreshed', refreshed_at: at, total_sessions: 1 });
    expect(await server.plane.store.deadline(id)).toBe(server.plane.clock.now() + 1_800_000);
    const one = await post('/sessions/refresh', 'olga', { session_id: id });
    expect(one.json).toEqual({ message: `Session ${id} was refreshed`, updated_at: at });
    const recovered = await post('/sessions/recover', 'admin', { old_session_id: id });
    expect(recovered.json).toMatchObject({ old_session_id: id, new_session_id: id, restarted: [] });
    expect(recovered.json.instructions).toBeTruthy();
    server.plane.deadLeaders.add(100);
    const preview = (as: string) => call('GET', '/admin/api/sessions/cleanup', { as });
    expect((await preview('olga')).json).toEqual({ sessions: [id], orphans: [] });
    expect((await preview('dora')).json).toEqual({ sessions: [id], orphans: [] });
    const cleanup = await call('POST', '/admin/api/sessions/cleanup', { as: 'olga' });
    expect(cleanup).toMatchObject({
      status: 200,
      json: { message: 'Cleaned up 1 terminated sessions', remaining_sessions: 0, sessions: [id] },
    });
  });

  it('recover starts what has failed, and says what to do about a session that is over', async () => {
    server.plane.hosts.refusals.set('proxmox', new Error('PROXMOX_HOST is not set'));
    const { id, owner } = await server.open('dora', 'pts_1');
    await server.plane.clock.advance(600_000);
    server.plane.hosts.refusals.clear();
    const { json } = await post('/sessions/recover', 'dora', { old_session_id: id });
    expect(json.restarted).toEqual(['proxmox']);
    await server.plane.clock.advance(1000);
    expect((await server.plane.state(id, 'proxmox')).phase).toBe('ready');
    await server.plane.sessions.end(id);
    const event = { at: 1, name: 'session.ended', session: id, owner, reason: 'its terminal is gone' } as const;
    await server.parts.operations.record(event);
    const over = await post('/sessions/recover', 'admin', { old_session_id: id });
    expect(over).toMatchObject({ status: 404, json: { error: { code: 'session.over' } } });
    expect(over.json.error.message).toContain('its terminal is gone');
    expect(over.json.error.data.instructions).toContain('mcp-session-manager init');
    const { json: health } = await call('GET', '/admin/api/sessions/health', { as: 'olga' });
    expect(health.session_details).toEqual([{ session_id: id, is_terminated: true, owner }]);
  });

  it('recover replaces what runs and does not answer, and what ends again and again', async () => {
    const { hosts, clock } = server.plane;
    const { id } = await server.open('dora', 'pts_1');
    const state = await server.plane.state(id, 'filesystem');
    if (state.phase !== 'ready' || state.instance.endpoint.kind !== 'unix') throw new Error('it is not ready');
    hosts.silent.add(state.instance.endpoint.path);
    const recover = async () => {
      let restarted: unknown;
      const recovered = post('/sessions/recover', 'dora', { old_session_id: id }).then(({ json }) => {
        restarted = json.restarted;
      });
      // What does not answer is given up by the clock, once it is asked: the request is real and takes real time.
      await eventually('an answer', async () => {
        await clock.advance(100);
        return restarted;
      });
      await recovered;
      await clock.advance(2000);
      return restarted;
    };
    expect(await recover()).toEqual(['filesystem']);
    expect(await server.plane.state(id, 'filesystem')).toMatchObject({ phase: 'ready', incarnation: 1001 });
    expect(await recover()).toEqual([]);
    hosts.condition = { circuit: 'open' };
    expect(await recover()).toEqual(['filesystem', 'proxmox']);
  });

  it('gives the whole of a long log', async () => {
    const { id } = await server.open('dora', 'pts_1');
    const state = await server.plane.state(id, 'filesystem');
    if (state.phase !== 'ready' || state.instance.endpoint.kind !== 'unix') throw new Error('it is not ready');
    const entry = { server: 'filesystem', level: 'info', text: 'x'.repeat(8000) } as const;
    server.plane.hosts.logs.set(state.instance.endpoint.path, Array(1000).fill(entry));
    const headers = { authorization: `Bearer ${server.parts.tokenOf('dora')}` };
    const answer = await fetch(`${server.url}/api/sessions/${id}/logs`, { headers });
    expect((await answer.text()).trimEnd().split('\n')).toHaveLength(1000);
  });

  it('ends a log that somebody follows who was logged out meanwhile', async () => {
    const { id } = await server.open('dora', 'pts_1');
    const login = await call('POST', '/admin/api/login', { body: { username: 'dora', password: PASSWORD } });
    const { token } = login.json;
    const headers = { authorization: `Bearer ${token}` };
    const answer = await fetch(`${server.url}/api/sessions/${id}/logs?follow=true`, { headers });
    let ended = false;
    const read = answer.text().then(() => {
      ended = true;
    });
    await server.plane.clock.advance(10_000);
    expect(ended).toBe(false);
    await call('POST', '/admin/api/logout', { token });
    await eventually('the log ends', async () => {
      await server.plane.clock.advance(2000);
      return ended;
    });
    await read;
  });

  it('[admin.roles] health tells developers no names of machines, and operators all', async () => {
    const report = { version: '1', machine: 'secret-host', startedAt: 1, at: 1, troubles: ['redis.internal is slow'] };
    await server.parts.operations.announce({ ...report, id: 'g1', role: 'gateway', draining: true }, 60_000);
    const health = (as: string) => call('GET', '/admin/api/sessions/health', { as });
    const [seen, all] = [await health('dora'), await health('olga')];
    expect(seen.json.reasons.map(({ code }: { code: string }) => code)).toContain('replica.trouble');
    expect(seen.text).not.toMatch(/secret-host|redis\.internal/);
    expect(seen.json.replicas).toEqual([]);
    expect(all.json.replicas).toMatchObject([{ machine: 'secret-host' }]);
    expect(all.json.reasons.map(({ detail }: { detail?: string }) => detail).join()).toContain('redis.internal');
  });

  it("[admin.roles] recover leaves somebody else's session as it was", async () => {
    const { id } = await server.open('eve', 'pts_1');
    const deadline = await server.plane.store.deadline(id);
    await server.plane.clock.advance(60_000);
    expect((await post('/sessions/recover', 'dora', { old_session_id: id })).status).toBe(404);
    expect(await server.plane.store.deadline(id)).toBe(deadline);
  });

  it('lists sessions in pages, by owner, server and state', async () => {
    server.plane.hosts.refusals.set('proxmox', new Error('no'));
    const ids: string[] = [];
    for (const [owner, name] of [
      ['dora', 'a'],
      ['eve', 'b'],
      ['dora', 'c'],
    ] as const)
      ids.push((await server.open(owner, name)).id);
    await server.plane.clock.advance(60_000);
    const list = async (query: string, as = 'olga') => {
      const { json } = await call('GET', `/admin/api/sessions?${query}`, { as });
      return { ids: json.items.map((item: { id: string }) => item.id), next: json.next };
    };
    expect((await list('')).ids).toEqual(ids);
    const first = await list('limit=2');
    expect(first.ids).toEqual(ids.slice(0, 2));
    expect(await list(`limit=2&after=${first.next}`)).toEqual({ ids: ids.slice(2), next: undefined });
    expect((await list('owner=dora')).ids).toEqual([ids[0], ids[2]]);
    expect((await list('server=proxmox&state=failed')).ids).toEqual(ids);
    expect((await list('server=filesystem&state=failed')).ids).toEqual([]);
    expect((await list('', 'dora')).ids).toEqual([ids[0], ids[2]]);
    expect((await list('owner=eve', 'dora')).ids).toEqual([]);
    for (const query of ['limit=0', 'limit=x', 'after=%00', 'after=abc', 'state=odd', 'more=1', 'owner=a&owner=b'])
      expect((await call('GET', `/admin/api/sessions?${query}`, { as: 'olga' })).status, query).toBe(400);
  });

  it('shows, restarts and ends a session, and tells its events', async () => {
    const { id } = await server.open('dora', 'pts_1');
    const path = `/admin/api/sessions/${id}`;
    const view = await call('GET', path, { as: 'olga' });
    expect(view.json).toMatchObject({ id, owner: 'dora' });
    const restart = await call('POST', `${path}/servers/filesystem/restart`, { as: 'dora' });
    expect(restart.status).toBe(200);
    await server.parts.operations.record({ at: 1, name: 'session.created', session: id, owner: 'dora' });
    for (const events of [`${path}/events`, `/admin/api/events?session=${id}`, '/admin/api/events?owner=dora'])
      expect((await call('GET', events, { as: 'olga' })).json.items).toMatchObject([{ name: 'session.created' }]);
    expect((await call('DELETE', path, { as: 'admin' })).status).toBe(204);
    expect((await call('GET', path, { as: 'admin' })).status).toBe(404);
    expect(await audited()).toMatchObject([
      { actor: 'admin', role: 'admin', action: 'DELETE /admin/api/sessions/:id', target: id, outcome: 'done' },
      { actor: 'dora', role: 'developer', target: id, outcome: 'done' },
    ]);
  });

  it('asks a gateway to drain, if another one goes on', async () => {
    const report = { version: '1', machine: 'm', startedAt: 1, at: 1, draining: false, troubles: [] };
    const drain = (id: string) => post(`/replicas/${id}/drain`, 'admin', {});
    for (const [id, role] of [
      ['g1', 'gateway'],
      ['c1', 'controller'],
    ] as const)
      await server.parts.operations.announce({ ...report, id, role }, 60_000);
    expect(await drain('x')).toMatchObject({ status: 404, json: { error: { code: 'replica.unknown' } } });
    expect((await drain('c1')).status).toBe(400);
    expect((await drain('g1')).json.error.message).toContain('No other gateway');
    await server.parts.operations.announce({ ...report, id: 'g2', role: 'gateway' }, 60_000);
    expect(await drain('g1')).toMatchObject({ status: 202, json: { replica: { id: 'g1' } } });
    expect(await server.parts.operations.marked('drain:g1')).toBe(true);
    expect((await call('GET', '/admin/api/replicas', { as: 'olga' })).json.replicas).toHaveLength(3);
  });

  it('answers about health without a store, to whoever was logged in', async () => {
    const token = server.parts.tokenOf('olga');
    server.plane.store.down = true;
    await server.parts.operations[Symbol.asyncDispose]();
    const health = await call('GET', '/admin/api/sessions/health', { token });
    expect(health).toMatchObject({
      status: 200,
      json: { status: 'unhealthy', reasons: [{ code: 'store.unavailable' }] },
    });
    expect((await call('GET', '/admin/api/whoami', { token })).status).toBe(503);
    expect((await call('POST', '/admin/api/sessions/refresh', { token, body: {} })).status).toBe(503);
  });
});

describe('who may do what', () => {
  it('[admin.roles] nobody but people comes in', async () => {
    const { id, ...record } = await server.open('dora', 'pts_1');
    const session = server.tokens.issue({ id, ...record });
    for (const token of [undefined, 'x', CREDENTIAL, session, server.parts.tokens.issue(dora()).refresh])
      for (const [method, path] of [
        ['GET', '/admin/api/sessions/health'],
        ['POST', '/admin/api/sessions/refresh'],
        ['GET', '/admin/api/config'],
        ['GET', `/admin/api/sessions/${id}`],
        ['DELETE', `/admin/api/sessions/${id}`],
        ['GET', '/admin/api/nothing'],
      ] as const)
        expect((await call(method, path, token === undefined ? {} : { token })).status, `${method} ${path}`).toBe(401);
    expect(await server.plane.sessions.list('dora')).toHaveLength(1);
  });

  it('[admin.roles] each role does what it may, and no more', async () => {
    const mine = (await server.open('dora', 'pts_1')).id;
    const other = (await server.open('eve', 'pts_2')).id;
    const one = `/admin/api/sessions/${other}`;
    const entry = { body: { level: 'info', server: 'filesystem', text: 'x' } };
    for (const [method, path, expected, options] of [
      ['GET', '/admin/api/sessions/health', [200, 200, 200]],
      ['GET', '/admin/api/sessions', [200, 200, 200]],
      ['GET', '/admin/api/events', [200, 200, 200]],
      ['GET', '/admin/api/sessions/debug', [200, 200, 403]],
      ['GET', '/admin/api/config', [200, 200, 403]],
      ['GET', '/admin/api/replicas', [200, 200, 403]],
      ['GET', '/admin/api/audit', [200, 403, 403]],
      ['GET', '/admin/api/users', [200, 403, 403]],
      ['POST', '/admin/api/sessions/refresh', [200, 200, 404], { body: { session_id: other } }],
      ['GET', '/admin/api/sessions/cleanup', [200, 200, 200]],
      ['POST', '/admin/api/sessions/cleanup', [200, 200, 200]],
      ['POST', '/admin/api/sessions/recover', [200, 403, 404], { body: { old_session_id: other } }],
      ['POST', '/admin/api/replicas/x/drain', [404, 403, 403]],
      ['GET', one, [200, 200, 404]],
      ['GET', `${one}/events`, [200, 200, 404]],
      ['POST', `${one}/log`, [204, 403, 404], entry],
      ['POST', `${one}/stop`, [200, 403, 404]],
      ['POST', `${one}/servers/filesystem/restart`, [200, 403, 404]],
      ['GET', `/api/sessions/${other}`, [200, 200, 404]],
      ['POST', `/api/sessions/${other}/stop`, [200, 403, 404]],
      ['GET', `/api/sessions/${mine}`, [200, 200, 200]],
      ['DELETE', `/api/sessions/${other}`, [204, 403, 404]],
    ] as const) {
      const seen = [];
      // The one who may most comes last: others' attempts must have changed nothing.
      for (const as of [...ALL].reverse()) seen.unshift((await call(method, path, { as, ...options })).status);
      expect(seen, `${method} ${path}`).toEqual(expected);
    }
  });

  it('[admin.roles] a developer opens sessions of their own, an operator none', async () => {
    const body = { terminal: { name: 'pts_9', host: 'laptop' }, workspace: '/work', lazy: true };
    const opened = await call('POST', '/api/sessions', { as: 'dora', body });
    expect(opened).toMatchObject({ status: 201, json: { session: { owner: 'dora' } } });
    expect((await call('GET', '/api/sessions', { as: 'dora' })).json.sessions).toHaveLength(1);
    expect((await call('POST', '/api/sessions', { as: 'olga', body })).status).toBe(403);
    expect((await call('GET', '/api/sessions', { token: CREDENTIAL })).json.sessions).toHaveLength(0);
  });

  it('[admin.audit] what people did, and were refused, is written down; strangers cannot flood it', async () => {
    const hostile = 'eve\n{"level":"error"}\u001b[31m';
    await call('POST', '/admin/api/login', { body: { username: hostile, password: 'guess-this' } });
    await post('/sessions/refresh', 'admin', {});
    await call('GET', '/admin/api/audit', { as: 'dora' });
    await call('GET', '/admin/api/config', { token: 'x' });
    const entries = await audited();
    expect(entries.map(({ actor, action, outcome }: Record<string, string>) => [actor, action, outcome])).toEqual([
      ['unknown', 'config', 'refused'],
      ['dora', 'audit', 'refused'],
      ['admin', 'sessions.refresh', 'done'],
      [hostile, 'login', 'refused'],
    ]);
    expect(entries[0].address).toBe('127.0.0.1');
    expect(JSON.stringify(entries)).not.toMatch(/guess-this|Bearer/);
    for (let n = 0; n < 50; n++) await call('GET', '/admin/api/config', { token: `x${n}` });
    expect((await audited()).length).toBeLessThan(30);
    const { json } = await call('GET', '/admin/api/audit?actor=admin&limit=1', { as: 'admin' });
    expect(json.items).toMatchObject([{ actor: 'admin' }]);
  });

  it('[admin.audit] who goes before the answer is there is written down too', async () => {
    const { id } = await server.open('dora', 'pts_1');
    server.plane.runtime.modes.set('filesystem', 'never');
    const listeners = server.plane.signals.listeners;
    const gone = new AbortController();
    const restart = fetch(`${server.url}/admin/api/sessions/${id}/servers/filesystem/restart`, {
      method: 'POST',
      headers: { authorization: `Bearer ${server.parts.tokenOf('admin')}` },
      signal: gone.signal,
    });
    const refused = expect(restart).rejects.toThrow();
    await eventually('it waits', async () => server.plane.signals.listeners > listeners);
    gone.abort();
    await refused;
    const [entry] = await eventually('it is noted', async () => {
      const entries = await audited();
      return entries.length > 0 ? entries : undefined;
    });
    expect(entry).toMatchObject({ actor: 'admin', target: id, outcome: 'done' });
  });

  it('[admin.audit] has the address that a trusted balancer names, and no other', async () => {
    const behind = await AdminServer.start({ trustedProxies: ['loopback'] });
    const headers = { 'x-forwarded-for': '198.51.100.1, 203.0.113.7', 'x-forwarded-proto': 'https' };
    const addresses = async (at: AdminServer) => {
      await at.call('POST', '/admin/api/login', { body: { username: 'admin', password: 'wrong' }, headers });
      const { json } = await at.call('GET', '/admin/api/audit', { as: 'admin' });
      return json.items.map(({ address }: { address: string }) => address);
    };
    expect(await addresses(behind)).toEqual(['203.0.113.7']); // what comes before the balancer's own word may be anything
    expect(await addresses(server)).toEqual(['127.0.0.1']);
    expect((await behind.call('GET', '/health', { headers })).json.ssl_enabled).toBe(true);
    expect((await call('GET', '/health', { headers })).json.ssl_enabled).toBe(false);
    await behind[Symbol.asyncDispose]();
  });

  it('[people.rate] an owner opens so many sessions in a minute', async () => {
    const limited = await AdminServer.start({ sessionsPerMinute: 2 });
    const open = (name: string) =>
      limited.call('POST', '/api/sessions', {
        token: CREDENTIAL,
        body: { terminal: { name, host: 'laptop' }, workspace: '/work', lazy: true },
      });
    expect([(await open('a')).status, (await open('b')).status]).toEqual([201, 201]);
    const third = await open('c');
    expect(third).toMatchObject({ status: 429, json: { error: { code: 'session.quota' } } });
    expect(third.headers.get('retry-after')).toBe('60');
    await limited.plane.clock.advance(60_001);
    expect((await open('c')).status).toBe(201);
    await limited[Symbol.asyncDispose]();
  });
});

function dora() {
  const found = server.parts.people.accounts.find(({ name }) => name === 'dora');
  if (!found) throw new Error('no dora');
  return found;
}
