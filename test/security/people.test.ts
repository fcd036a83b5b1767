import { createHmac } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OpenedSession } from '../../src/core/api.ts';
import { TestManager } from '../support/manager.ts';

let manager: TestManager;
let password: string;
let tokens: { token: string; refresh_token: string };
let session: OpenedSession;
beforeAll(async () => {
  manager = await TestManager.start({ env: { MCP_SESSION_MANAGER_LOG_LEVEL: 'debug' } });
  password = readFileSync(join(manager.state, 'admin-password'), 'utf8').trim();
  tokens = (await (await login('admin', password)).json()) as typeof tokens;
  session = await manager.open();
});
afterAll(() => manager[Symbol.asyncDispose]());

const ask = (method: string, path: string, headers: Record<string, string> = {}, body?: string) =>
  fetch(manager.url + path, { method, headers, ...(body === undefined ? {} : { body }) });
const bearing = (token: string) => ({ authorization: `Bearer ${token}` });
const login = (username: string, secret: string, headers: Record<string, string> = {}) =>
  ask(
    'POST',
    '/admin/api/login',
    { 'content-type': 'application/json', ...headers },
    JSON.stringify({ username, password: secret }),
  );

describe('a token of one kind', () => {
  it('[people.token] opens nothing of another', async () => {
    const { token, refresh_token } = tokens;
    for (const bearer of [session.token, manager.credential, refresh_token])
      expect((await ask('GET', '/admin/api/sessions/health', bearing(bearer))).status).toBe(401);
    expect((await ask('GET', '/api/sessions', bearing(refresh_token))).status).toBe(401);
    for (const bearer of [token, refresh_token, manager.credential]) {
      const accept = { accept: 'application/json, text/event-stream', 'content-type': 'application/json' };
      const body = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
      expect((await ask('POST', '/mcp/counting', { ...bearing(bearer), ...accept }, body)).status).toBe(401);
    }
  });

  it('[people.token] [attack.20] is not made with the key of another', async () => {
    const claims = { iss: 'mcp-session-manager', aud: 'admin', sub: 'admin', log: 'x', stm: 'x', jti: 'x', exp: 9e9 };
    const text = [{ alg: 'HS256', kid: 'deployment' }, claims]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.');
    for (const key of [
      readFileSync(join(manager.state, 'key')),
      Buffer.from(manager.credential),
      Buffer.from(password),
    ]) {
      const forged = `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`;
      expect((await ask('GET', '/admin/api/whoami', bearing(forged))).status).toBe(401);
    }
  });

  it('[people.url] in a URL is no token, and is in no log', async () => {
    const { token } = tokens;
    for (const path of [
      `/admin/api/whoami?token=${token}`,
      `/admin/api/whoami?access_token=${token}`,
      `/admin/api/whoami/${token}`,
      `/api/sessions?token=${token}`,
      `/t/${token}/admin/api/whoami`,
    ])
      expect([401, 404], path).toContain((await ask('GET', path)).status);
    expect((await ask('GET', `/admin/api/sessions/${token}`, bearing(token))).status).toBe(404);
    for (const part of token.split('.').slice(1)) expect(manager.log).not.toContain(part);
  });
});

describe('whoever logs in', () => {
  it('[attack.1] [attack.22] is no page of a browser, and reads no answer there', async () => {
    for (const headers of [{ origin: 'http://evil.example' }, { origin: 'null' }])
      expect((await login('admin', password, headers)).status).toBe(403);
    const preflight = { origin: 'http://localhost:1', 'access-control-request-method': 'POST' };
    const answer = await ask('OPTIONS', '/admin/api/login', preflight);
    expect([...answer.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
    const page = await login('admin', password, { origin: 'http://localhost:1' });
    expect(page.headers.get('access-control-allow-origin')).toBeNull();
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
  });

  it('[attack.11] is not believed about the address', async () => {
    await login('admin', 'wrong', { 'x-forwarded-for': '203.0.113.7', forwarded: 'for=203.0.113.7' });
    const audit = await ask('GET', '/admin/api/audit?limit=1', bearing(tokens.token));
    const { items } = (await audit.json()) as { items: { address: string; outcome: string }[] };
    expect(items).toMatchObject([{ outcome: 'refused', address: '127.0.0.1' }]);
  });

  it('[people.log] writes no lines of their own into the log, and no secrets', async () => {
    const forged = 'x"}\n{"level":"info","message":"all is well","actor":"admin\u001b[2J\u009b31m';
    expect((await login(forged, 'hunter2hunter2')).status).toBe(401);
    const lines = manager.log.split('\n').slice(0, -1); // the last may not be whole yet
    for (const line of lines.filter((one) => one.startsWith('{')))
      expect(JSON.parse(line)).not.toMatchObject({ message: 'all is well' });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    expect(manager.log).not.toMatch(/[\x1b\x80-\x9f]/);
    for (const secret of ['hunter2hunter2', password, tokens.token, tokens.refresh_token])
      expect(manager.log).not.toContain(secret);
  });

  it('[people.input] changes no prototype', async () => {
    const bodies = ['{"__proto__":{"role":"admin"}}', '{"constructor":{"prototype":{"role":"admin"}}}'];
    for (const path of [
      '/admin/api/login',
      '/admin/api/refresh-token',
      '/admin/api/sessions/refresh',
      '/admin/api/sessions/recover',
    ])
      for (const body of bodies) {
        const answer = await ask('POST', path, { ...bearing(tokens.token), 'content-type': 'application/json' }, body);
        expect(answer.status, `${path} ${body}`).toBe(400);
      }
    for (const query of ['__proto__[role]=admin', 'constructor[prototype][role]=admin', 'limit[__proto__]=1'])
      expect((await ask('GET', `/admin/api/sessions?${query}`, bearing(tokens.token))).status, query).toBe(400);
    expect((await login('dora', 'x')).status).toBe(401);
  });
});

describe('what is configured', () => {
  it('[admin.masked] is shown without a secret', async () => {
    const text = await (await ask('GET', '/admin/api/config', bearing(tokens.token))).text();
    const key = readFileSync(join(manager.state, 'key'));
    const secrets = [password, manager.credential, key.toString('base64'), key.toString('hex')];
    for (const secret of secrets) expect(text).not.toContain(secret);
    expect(statSync(join(manager.state, 'admin-password')).mode & 0o777).toBe(0o600);
  });
});
