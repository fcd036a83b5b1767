import { type IncomingHttpHeaders, request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OpenedSession } from '../../src/core/api.ts';
import { RawSse } from '../e2e/http-sse-client.ts';
import { TestManager } from '../support/manager.ts';
import { textOf } from '../support/mcp-clients.ts';
import { callTool, RawMcp } from '../support/raw-mcp.ts';

/** The attack cases at what attack-cases.test.ts does not ask: HTTP+SSE, tokens in paths, the admin API's paths. */
let manager: TestManager;
/** The one who is attacked, and the one who attacks with a session of his own. */
let victim: OpenedSession;
let thief: OpenedSession;

beforeAll(async () => {
  manager = await TestManager.start({
    env: { MCP_SESSION_MANAGER_LOG_LEVEL: 'debug', MCP_SESSION_MANAGER_TOKEN_IN_PATH: 'true' },
  });
  victim = await manager.open();
  thief = await manager.open();
});
afterAll(() => manager[Symbol.asyncDispose]());

interface Seen {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Of an answer that ends; of a stream what came at once. */
  readonly text: string;
}

/** One request as it is written here: `fetch` would mend path and headers. */
function raw(method: string, path: string, headers: Record<string, string> = {}): Promise<Seen> {
  const { hostname, port } = new URL(manager.url);
  return new Promise((resolve, reject) => {
    const req = request({ hostname, port, method, path, headers, agent: false }, (res) => {
      let text = '';
      const done = () => {
        resolve({ status: res.statusCode ?? 0, headers: res.headers, text });
        req.destroy();
      };
      res.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
        if (res.headers['content-type'] === 'text/event-stream') done();
      });
      res.on('end', done);
    });
    req.on('error', reject);
    req.end();
  });
}
const bearing = (token: string, more: Record<string, string> = {}) => ({ authorization: `Bearer ${token}`, ...more });
const open = (token: string, lastEventId?: string) => RawSse.open(`${manager.url}/sse/counting`, token, lastEventId);
const statusOf = async (answer: Promise<Response>) => (await answer).status;

describe('whoever is no client of this machine', () => {
  const paths = () => [
    ...['/sse', '/sse/counting', '/messages/?session_id=x', '/api/cleanup'],
    ...['/admin/api/sessions/health', '/admin/api/sessions/cleanup', '/admin/api/openapi.json', '/admin/api/config'],
    ...['mcp', 'mcp/counting', 'sse', 'sse/counting'].map((path) => `/t/${victim.token}/${path}`),
  ];

  it('[attack.1] [attack.22] is refused at every path, with a good token too', async () => {
    for (const path of paths()) {
      const headers = bearing(path.startsWith('/api') ? manager.credential : victim.token, { accept: '*/*' });
      for (const host of ['evil.example', '127.0.0.1.nip.io', '0.0.0.0', '[::ffff:127.0.0.1]'])
        expect((await raw('GET', path, { ...headers, host })).status, `${path} ${host}`).toBe(403);
      for (const origin of ['http://evil.example', 'null', 'http://localhost.']) {
        const refused = await raw('GET', path, { ...headers, origin });
        expect(refused.status, `${path} ${origin}`).toBe(403);
        expect(Object.keys(refused.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
      }
      expect((await raw('GET', path, headers)).status, path).not.toBe(403);
    }
  });
});

describe('a client of HTTP+SSE', () => {
  it('[attack.2] [attack.9] runs nothing over another’s connection, though it knows its id', async () => {
    using his = await open(thief.token);
    using mine = await open(victim.token);
    await mine.initialize();
    await his.initialize();
    const before = manager.count('echo');
    expect(await statusOf(his.post(callTool(7, 'echo', { text: 'mine now' }), undefined, mine.endpoint))).toBe(404);
    expect(manager.count('echo')).toBe(before);
    expect(textOf((await mine.ask(callTool(7, 'echo', { text: 'still mine' }))).result)).toBe('still mine');
    expect(mine.messages.filter(({ id }) => id === 7)).toHaveLength(1);
  });

  it('[attack.3] [attack.5] [attack.21] gets no event of another by its id, nor an answer to an equal request', async () => {
    using mine = await open(victim.token);
    await mine.initialize();
    const place = mine.lastEventId;
    await mine.ask(callTool(1, 'echo', { text: 'for me alone' }));
    using his = await open(thief.token, place);
    expect(his.endpoint).not.toBe(mine.endpoint);
    await his.initialize();
    expect(textOf((await his.ask(callTool(1, 'echo', { text: 'his' }))).result)).toBe('his');
    expect(JSON.stringify(his.events)).not.toContain('for me alone');
    expect(JSON.stringify(mine.events)).not.toContain('"his"');
  });

  it('[attack.6] [attack.10] without an id, or with one that is none, means no connection that is there', async () => {
    using mine = await open(victim.token);
    await mine.initialize();
    const post = (endpoint: string) => statusOf(mine.post(callTool(1, 'echo', { text: 'x' }), undefined, endpoint));
    expect(await post('/messages/')).toBe(400);
    for (const id of ['', '*', '..%2f..', '%00', 'undefined', '__proto__', 'a'.repeat(2000)])
      expect([400, 404], id).toContain(await post(`/messages/?session_id=${id}`));
  });
});

describe('a token in a path', () => {
  const path = (token: string, rest = 'mcp/counting') => `${manager.url}/t/${token}/${rest}`;

  it('[attack.2] opens its own session’s connections only', async () => {
    const mine = new RawMcp(`${manager.url}/mcp/counting`, victim.token);
    await mine.initialize();
    const answer = await fetch(path(thief.token), {
      method: 'POST',
      headers: {
        accept: 'application/json, text/event-stream',
        'content-type': 'application/json',
        'mcp-session-id': mine.id as string,
      },
      body: JSON.stringify(callTool(1, 'echo', { text: 'x' })),
    });
    expect(answer.status).toBe(404);
  });

  it('[attack.10] [attack.17] that is none leads nowhere, whatever comes with it', async () => {
    for (const token of ['', 'x', '..', '%2e%2e', '%00', '%ff', 'a.b.c', `${thief.token}%2f..`, 'a'.repeat(8000)]) {
      const { status, text } = await raw('GET', `/t/${token}/mcp/counting`, { accept: 'text/event-stream' });
      expect([400, 401, 404], token.slice(0, 20)).toContain(status);
      expect(text).not.toContain(victim.session.id);
    }
  });

  it('[attack.7] [attack.9] is in no log and no error, and opens nothing when its session is over', async () => {
    const { session, token } = await manager.open();
    const client = { accept: 'text/event-stream' };
    using stream = await RawSse.open(path(token, 'sse/counting'), token);
    await stream.initialize();
    const wrong = [await raw('GET', `/t/${token}/nowhere`), await raw('PUT', `/t/${token}/mcp/counting`, client)];
    await manager.api('DELETE', `/api/sessions/${session.id}`);
    await stream.end();
    for (const rest of ['mcp', 'mcp/counting', 'sse', 'sse/counting']) {
      const answer = await raw('GET', `/t/${token}/${rest}`, client);
      expect([401, 404], rest).toContain(answer.status);
      wrong.push(answer);
    }
    const [, claims = '', signature = ''] = token.split('.');
    for (const { text } of wrong) for (const part of [claims, signature]) expect(text).not.toContain(part);
    expect(manager.log).toContain('"level":"debug"');
    for (const part of [claims, signature]) expect(manager.log).not.toContain(part);
  });
});
