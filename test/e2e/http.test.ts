import { request } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { TestManager } from '../support/manager.ts';
import { callTool, messagesOf, RawMcp, readUntil, rpc, type ServerEvent, VERSION } from '../support/raw-mcp.ts';

let manager: TestManager;
let token: string;
let mcp: RawMcp;
beforeAll(async () => {
  // Answers that are streams because of their time: http-streams.test.ts.
  manager = await TestManager.start({
    env: { MCP_SESSION_MANAGER_STREAM_AFTER: '60s', MCP_SESSION_MANAGER_BODY_LIMIT: '64KiB' },
  });
  ({ token } = await manager.open());
});
afterAll(() => manager[Symbol.asyncDispose]());
beforeEach(async () => {
  mcp = new RawMcp(`${manager.url}/mcp/counting`, token);
  await mcp.initialize();
});

describe('POST', () => {
  it('[post.accept] needs an Accept with both types', async () => {
    for (const accept of [
      undefined,
      'application/json',
      'text/event-stream',
      'application/json, text/event-stream;q=0',
      'text/html',
    ]) {
      const { status } = await mcp.post(rpc(1, 'ping'), { accept: accept ?? 'text/html' });
      expect(status, accept).toBe(406);
    }
    expect((await mcp.post(rpc(1, 'ping'), { accept: '*/*' })).status).toBe(200);
    expect((await mcp.post(rpc(1, 'ping'), { accept: 'text/*, application/*;q=0.5' })).status).toBe(200);
  });

  it('[post.media-type] needs JSON', async () => {
    for (const type of ['text/plain', 'application/jsonx', 'multipart/form-data']) {
      expect((await mcp.post('{}', { 'content-type': type })).status, type).toBe(415);
    }
    expect((await mcp.post(rpc(1, 'ping'), { 'content-type': 'Application/JSON; charset=utf-8' })).status).toBe(200);
  });

  it('[post.parse] names what is wrong with a message, and echoes its id', async () => {
    const bad: [unknown, number, unknown][] = [
      ['{"jsonrpc"', -32700, null],
      ['', -32700, null],
      ['"text"', -32600, null],
      ['null', -32600, null],
      ['[]', -32600, null],
      [{ id: 5, method: 'ping' }, -32600, 5],
      [{ jsonrpc: '2.0', id: 'x' }, -32600, 'x'],
      [{ jsonrpc: '2.0', id: 6, method: 7 }, -32600, 6],
      [{ jsonrpc: '2.0', id: null, method: 'ping' }, -32600, null],
      ['{"jsonrpc":"2.0","id":1e400,"method":"ping"}', -32600, null],
      [{ jsonrpc: '2.0', id: 8, method: 'ping', params: [1] }, -32600, 8],
      [{ jsonrpc: '2.0', id: 9, result: {}, error: {} }, -32600, 9],
    ];
    for (const [body, code, id] of bad) {
      const { status, json } = await mcp.post(body);
      expect(status, JSON.stringify(body)).toBe(400);
      expect(json, JSON.stringify(body)).toMatchObject({ jsonrpc: '2.0', id, error: { code } });
    }
  });

  it('[post.notification] answers what needs no answer with 202 and no body', async () => {
    const { status, json, headers } = await mcp.post({
      jsonrpc: '2.0',
      method: 'notifications/cancelled',
      params: { requestId: 99 },
    });
    expect({ status, json, length: headers.get('content-length') }).toEqual({ status: 202, json: '', length: '0' });
    expect((await mcp.post({ jsonrpc: '2.0', id: 'nobody asked', result: {} })).status).toBe(202);
  });

  it('[post.json] answers with one JSON body when that is all', async () => {
    const { status, headers, json } = await mcp.post(callTool('a', 'echo', { text: 'x' }));
    expect({ status, type: headers.get('content-type') }).toEqual({ status: 200, type: 'application/json' });
    expect(json).toMatchObject({ jsonrpc: '2.0', id: 'a' });
    // written with line breaks, as a person would: stdio has one message per line
    const pretty = JSON.stringify(callTool('b', 'echo', { text: 'y' }), null, 2);
    expect((await mcp.post(pretty)).json).toMatchObject({ id: 'b' });
  });

  it('[post.sse] [post.priming] [post.retry] [resume.ids] answers with a stream when there is more', async () => {
    const body = rpc(1, 'tools/call', { name: 'notify', arguments: { n: 3 }, _meta: { progressToken: 't' } });
    const { headers, events } = await mcp.post(body);
    expect(headers.get('content-type')).toBe('text/event-stream');
    expect(headers.get('x-accel-buffering')).toBe('no');
    expect(events[0]).toEqual({ id: expect.any(String), data: '', retry: '5000' });
    const messages = messagesOf(events);
    expect(messages.slice(0, 3).map((message) => message.method)).toEqual(Array(3).fill('notifications/progress'));
    expect(messages.at(-1)).toMatchObject({ id: 1, result: {} });
    expect(new Set(events.map((event) => event.id)).size).toBe(events.length);
  });

  it('[post.batch] answers batches of 2025-03-26, and refuses those of others', async () => {
    expect((await mcp.post([rpc(1, 'ping')])).status).toBe(400);
    await mcp.initialize('2025-03-26');
    const notification = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 77 } };
    const { status, json } = await mcp.post([
      callTool(1, 'echo', { text: 'a' }),
      notification,
      rpc(2, 'ping'),
      rpc(3, 'no/such'),
    ]);
    expect(status).toBe(200);
    const answers = json as { id: number }[];
    expect(answers.map(({ id }) => id).sort()).toEqual([1, 2, 3]);
    expect((await mcp.post([notification])).status).toBe(202);
    expect((await mcp.post([rpc(1, 'ping'), 7])).status).toBe(400);
    expect((await mcp.post([rpc(1, 'initialize', { capabilities: { roots: {} } })])).status).toBe(400);
    const asked = await mcp.post([
      rpc(4, 'tools/call', { name: 'notify', arguments: { n: 2 }, _meta: { progressToken: 1 } }),
      callTool(5, 'echo', { text: 'b' }),
    ]);
    const messages = messagesOf(asked.events);
    expect(messages.filter(({ method }) => method === 'notifications/progress')).toHaveLength(2);
    expect(
      messages
        .filter(({ result }) => result)
        .map(({ id }) => id)
        .sort(),
    ).toEqual([4, 5]);
  });

  it('[limits.body] [attack.19] refuses a body above the limit', async () => {
    const { status, json } = await mcp.post(callTool(1, 'echo', { text: 'x'.repeat(70_000) }));
    expect(status).toBe(413);
    expect(json).toMatchObject({ error: { message: expect.stringContaining('65536') } });
  });

  it('[ping] answers a ping', async () => {
    expect((await mcp.post(rpc('p', 'ping'))).json).toEqual({ jsonrpc: '2.0', id: 'p', result: {} });
  });
});

describe('GET', () => {
  it('[get.accept] needs an Accept with text/event-stream', async () => {
    for (const accept of ['application/json', 'text/html'])
      expect((await mcp.send('GET', undefined, { accept })).status).toBe(406);
  });

  it('[get.stream] [get.one-stream] carries what belongs to no request; a newer stream takes over', async () => {
    const first = await mcp.send('GET', undefined);
    expect(first.headers.get('content-type')).toBe('text/event-stream');
    const firstEvents = readUntil(first, () => false);
    await mcp.post(callTool(1, 'grow'));
    const second = await mcp.send('GET', undefined);
    const changes = (events: readonly ServerEvent[]) => messagesOf(events).filter(({ method }) => method);
    const one = await firstEvents; // it has ended: the second has taken over
    expect(changes(one).length).toBeGreaterThan(0);
    const two = readUntil(second, (events) => changes(events).length > 0);
    await mcp.post(callTool(2, 'grow'));
    const ids = [...one, ...(await two)].filter(({ data }) => data).map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(
      messagesOf([...one, ...(await two)]).every(({ id, result }) => id === undefined && result === undefined),
    ).toBe(true);
  });

  it('[get.stream] keeps what was said while no stream was open', async () => {
    await mcp.post(callTool(1, 'grow'));
    const events = await readUntil(await mcp.send('GET', undefined), (all) => messagesOf(all).length > 0);
    expect(messagesOf(events)[0]?.method).toMatch(/list_changed$/);
  });

  it('[resume.exact] replays what came after Last-Event-ID, of that stream alone', async () => {
    const body = rpc(1, 'tools/call', { name: 'notify', arguments: { n: 50 }, _meta: { progressToken: 1 } });
    const whole = (await mcp.post(body)).events;
    await mcp.post(callTool(2, 'grow')); // on another stream
    for (const cut of [0, 1, 17, whole.length - 2]) {
      const resumed = await mcp.send('GET', undefined, { 'last-event-id': whole[cut]?.id });
      const rest = (await readUntil(resumed, () => false)).filter(({ data }) => data);
      expect(rest, `after event ${cut}`).toEqual(whole.slice(cut + 1).filter(({ data }) => data));
    }
    const done = await mcp.send('GET', undefined, { 'last-event-id': whole.at(-1)?.id });
    expect(messagesOf(await readUntil(done, () => false))).toEqual([]);
  });

  it('[resume.foreign] [attack.21] an id of another connection finds nothing, one that is made up is refused', async () => {
    const { events } = await mcp.post(
      rpc(7, 'tools/call', { name: 'notify', arguments: { n: 2 }, _meta: { progressToken: 1 } }),
    );
    const other = new RawMcp(mcp.url, token);
    await other.initialize();
    const stolen = await other.send('GET', undefined, { 'last-event-id': events[0]?.id });
    const got = messagesOf(await readUntil(stolen, () => false));
    expect(got).toMatchObject([{ id: 7, error: { message: expect.stringContaining('no longer kept') } }]);
    expect((await mcp.send('GET', undefined, { 'last-event-id': 'made up' })).status).toBe(400);
  });
});

describe('connections', () => {
  it('[session.id] [attack.4] have ids that are visible ASCII and never the same', async () => {
    const ids = new Set<string>();
    for (let i = 0; i < 5; i++) {
      await mcp.initialize();
      expect(mcp.id).toMatch(/^[\x21-\x7e]{32,}$/);
      ids.add(mcp.id as string);
    }
    expect(ids.size).toBe(5);
  });

  it('[session.missing] [attack.6] without an id are refused with 400 and the request’s id', async () => {
    const { status, json } = await mcp.post(rpc(4, 'tools/list'), { 'mcp-session-id': undefined });
    expect(status).toBe(400);
    expect(json).toMatchObject({ id: 4 });
    expect((await mcp.send('GET', undefined, { 'mcp-session-id': undefined })).status).toBe(400);
    expect((await mcp.send('DELETE', undefined, { 'mcp-session-id': undefined })).status).toBe(400);
  });

  it('[session.delete] [session.over] end with DELETE, and are 404 from then on', async () => {
    expect((await mcp.send('DELETE', undefined)).status).toBe(200);
    const { status, json } = await mcp.post(rpc(3, 'tools/list'));
    expect(status).toBe(404);
    expect(json).toMatchObject({ id: 3 });
    expect((await mcp.send('GET', undefined)).status).toBe(404);
    expect((await mcp.send('DELETE', undefined)).status).toBe(404);
  });

  it('[session.bound] [attack.2] are of no use to another session, nor at another endpoint', async () => {
    const other = await manager.open();
    for (const method of ['POST', 'GET', 'DELETE']) {
      const thief = new RawMcp(mcp.url, other.token);
      thief.id = mcp.id;
      expect((await thief.send(method, method === 'POST' ? rpc(1, 'ping') : undefined)).status, method).toBe(404);
      const elsewhere = new RawMcp(`${manager.url}/mcp`, token);
      elsewhere.id = mcp.id;
      expect((await elsewhere.send(method, method === 'POST' ? rpc(1, 'ping') : undefined)).status, method).toBe(404);
    }
    for (const id of ['x', '../../etc', '%00', 'a'.repeat(5000)]) {
      const guess = new RawMcp(mcp.url, token);
      guess.id = id;
      expect((await guess.send('POST', rpc(1, 'ping'))).status, id).toBe(404);
    }
    expect((await mcp.post(rpc(1, 'ping'))).status).toBe(200);
  });

  it('[session.over] are over with their session, at once', async () => {
    const short = await manager.open();
    const client = new RawMcp(mcp.url, short.token);
    await client.initialize();
    await manager.api('DELETE', `/api/sessions/${short.session.id}`);
    const { status, json } = await client.post(rpc(1, 'tools/list'));
    expect(status).toBe(404);
    expect(json).toMatchObject({ id: 1, error: { message: expect.stringContaining('init') } });
  });

  it('[version.header] refuses a version that is not spoken', async () => {
    for (const version of ['2024-11-05', '2099-01-01', 'x', '']) {
      const { status, json } = await mcp.post(rpc(2, 'ping'), { 'mcp-protocol-version': version });
      expect(status, version).toBe(400);
      expect(json).toMatchObject({ id: 2 });
    }
    expect((await mcp.post(rpc(2, 'ping'), { 'mcp-protocol-version': undefined })).status).toBe(200);
  });

  it('[version.negotiate] agrees on the client’s version, or offers the newest', async () => {
    for (const [asked, answered] of [
      ['2025-03-26', '2025-03-26'],
      ['2025-06-18', '2025-06-18'],
      [VERSION, VERSION],
      ['1999-01-01', VERSION],
    ] as const) {
      expect((await mcp.initialize(asked)).json, asked).toMatchObject({ result: { protocolVersion: answered } });
    }
  });
});

describe('the door', () => {
  it('[auth.required] opens for a valid token only', async () => {
    for (const authorization of [
      undefined,
      'Bearer ',
      'Bearer x',
      `Basic ${token}`,
      `Bearer ${token.slice(0, -2)}`,
      `Bearer ${manager.credential}`,
    ]) {
      for (const method of ['POST', 'GET', 'DELETE']) {
        const response = await mcp.send(method, method === 'POST' ? rpc(1, 'ping') : undefined, { authorization });
        expect(response.status, `${method} ${authorization?.slice(0, 12)}`).toBe(401);
        expect(response.headers.get('www-authenticate')).toBe('Bearer');
      }
    }
  });

  it('[methods.other] refuses other methods', async () => {
    for (const method of ['PUT', 'PATCH', 'OPTIONS', 'HEAD']) {
      const response = await mcp.send(method, undefined);
      expect(response.status, method).toBe(405);
      expect(response.headers.get('allow')).toBe('POST, GET, DELETE');
    }
  });

  it('[origin.check] [attack.1] is closed to foreign origins and host names', async () => {
    for (const origin of [
      'http://evil.example',
      'null',
      'http://127.0.0.1.evil.example',
      'http://localhost@evil.example',
      'x',
    ]) {
      expect((await mcp.post(rpc(1, 'ping'), { origin })).status, origin).toBe(403);
    }
    for (const origin of ['http://localhost:3000', 'http://127.0.0.1:8900', 'http://[::1]:1']) {
      expect((await mcp.post(rpc(1, 'ping'), { origin })).status, origin).toBe(200);
    }
    const statusFor = (host: string) =>
      new Promise<number | undefined>((resolve, reject) => {
        const headers = { ...Object.fromEntries(mcp.headers()), host };
        const req = request(mcp.url, { method: 'POST', headers }, (res) => resolve(res.resume().statusCode));
        req.on('error', reject).end(JSON.stringify(rpc(1, 'ping')));
      });
    for (const host of [
      'evil.example',
      'localhost.evil.example',
      'localhost:1@evil.example',
      'evil.example/localhost',
      '127.0.0.2',
    ]) {
      expect(await statusFor(host), host).toBe(403);
    }
    for (const host of ['localhost', 'LOCALHOST:8900', '127.0.0.1:1', '[::1]:80', '[0:0:0:0:0:0:0:1]', '0x7f.1']) {
      expect(await statusFor(host), host).toBe(200);
    }
  });

  it('is not at other paths', async () => {
    for (const path of ['/mcpx', '/mcp/counting/x', '/']) {
      expect((await fetch(`${manager.url}${path}`, { method: 'POST' })).status, path).toBe(404);
    }
    const nowhere = new RawMcp(`${manager.url}/mcp/nowhere`, token);
    expect((await nowhere.initialize()).json).toMatchObject({
      id: 0,
      error: { message: expect.stringContaining('counting') },
    });
  });
});
