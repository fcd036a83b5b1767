import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeManager } from '../fakes/fake-manager.ts';
import { event, FakeMcp, type MessageHandler, reply, resultOf, stream } from '../fakes/fake-mcp.ts';
import { BridgeClient, call, INITIALIZE, progress } from '../support/bridge-client.ts';
import { eventually } from '../support/eventually.ts';

let manager: FakeManager;
let mcp: FakeMcp;
let client: BridgeClient;
beforeEach(async () => {
  manager = await FakeManager.start();
  mcp = new FakeMcp(manager);
  client = new BridgeClient(manager);
});
afterEach(async () => {
  await client.end();
  await manager[Symbol.asyncDispose]();
});

const posts = (method: string) => manager.requests('POST', '/mcp').filter(({ body }) => body.method === method);

describe('a message that was not answered', () => {
  const keysOf = (method: string) => new Set(posts(method).map(({ headers }) => headers['idempotency-key']));

  it('is sent again under its key when the manager comes back', async () => {
    client.start();
    await client.initialize();
    await manager.stop();
    client.send(call(1));
    await manager.listen();
    expect(await client.answer(1)).toMatchObject({ result: {} });
  });

  it('is sent again under its key after a reset', async () => {
    mcp.on('tools/call', ({ body }, response, times) => {
      if (times < 3) response.destroy();
      else reply(response, resultOf(body.id, {}));
    });
    client.start();
    await client.initialize();
    client.send(call(1));
    expect(await client.answer(1)).toMatchObject({ result: {} });
    expect(posts('tools/call')).toHaveLength(3);
    expect(keysOf('tools/call').size).toBe(1);
  });

  it('is sent again under its key after a 503', async () => {
    mcp.on('tools/call', ({ body }, response, times) => {
      response.setHeader('retry-after', '0.01');
      if (times < 3) reply(response, { jsonrpc: '2.0', id: body.id, error: { code: -33016, message: 'busy' } }, 503);
      else reply(response, resultOf(body.id, {}));
    });
    client.start();
    await client.initialize();
    client.send(call(1));
    expect(await client.answer(1)).toMatchObject({ result: {} });
    expect(keysOf('tools/call').size).toBe(1);
  });

  it('is resumed by the last event of its stream', async () => {
    mcp.on('tools/call', (_, response) => {
      stream(response, `retry: 5\nid: s:0\ndata:\n\n${event('s:1', progress(1))}`);
      response.end();
    });
    client.start();
    await client.initialize();
    mcp.on('GET', ({ headers }, response) => {
      if (headers['last-event-id'] !== 's:1') return;
      stream(response, event('s:2', progress(2)) + event('s:3', resultOf(1, {})));
    });
    client.send(call(1));
    await client.answer(1);
    expect(client.messages.slice(1)).toEqual([progress(1), progress(2), resultOf(1, {})]);
    expect(posts('tools/call')).toHaveLength(1);
  });

  it('is attached to again under its key when its stream broke before the first event', async () => {
    mcp.on('tools/call', ({ body }, response, times) => {
      stream(response, ': ping\n\n');
      if (times === 1) response.destroy();
      else response.write(event('1', resultOf(body.id, {})));
    });
    client.start();
    await client.initialize();
    client.send(call(1));
    expect(await client.answer(1)).toMatchObject({ result: {} });
    expect(keysOf('tools/call').size).toBe(1);
  });

  it('ends in an error that says so when the manager stays away', async () => {
    client.start({ HTTP_TIMEOUT: '300' });
    await client.initialize();
    await manager.stop();
    client.send(call(1));
    expect((await client.answer(1)).error).toMatchObject({
      code: -33020,
      message: expect.stringContaining('npm start'),
    });
    await manager.listen();
  });

  it('ends in an unknown outcome when it was sent', async () => {
    mcp.on('tools/call', (_, response) => void response.destroy());
    client.start({ HTTP_TIMEOUT: '300' });
    await client.initialize();
    client.send(call(1));
    expect((await client.answer(1)).error).toMatchObject({ code: -33017 });
  });

  it('ends in the server’s own error after its last 503', async () => {
    mcp.on('tools/call', (_, response) =>
      reply(
        response,
        { jsonrpc: '2.0', id: null, error: { code: -33015, message: 'broken', data: { stderr: 'x' } } },
        503,
      ),
    );
    client.start({ HTTP_TIMEOUT: '200' });
    await client.initialize();
    client.send(call(1));
    expect((await client.answer(1)).error).toEqual({ code: -33015, message: 'broken', data: { stderr: 'x' } });
  });
});

describe('a connection that is over', () => {
  it('is made again once for all, unseen by the client', async () => {
    client.start();
    await client.initialize();
    mcp.connections.clear();
    client.send(call(1), call(2), call(3));
    for (const id of [1, 2, 3]) expect(await client.answer(id)).toHaveProperty('result');
    expect(client.messages).toHaveLength(4);
    expect(posts('initialize')).toHaveLength(2);
    expect(posts('initialize')[1]?.body.params).toEqual(INITIALIZE.params);
    expect(posts('notifications/initialized')).toHaveLength(2);
    expect(posts('tools/call').at(-1)?.headers['mcp-session-id']).toBe('connection-2');
    await eventually('its stream', async () => mcp.streams.length === 2);
  });

  it('is made again in a new session when its own is over', async () => {
    client.start();
    await client.initialize();
    manager.sessions.clear();
    mcp.connections.clear();
    client.send(call(1));
    expect(await client.answer(1)).toMatchObject({ result: {} });
    expect(manager.sessions.size).toBe(1);
  });

  it('is told again what the client had told the one before, and the client what may have changed', async () => {
    const request = (id: number, method: string, params: object) => ({ jsonrpc: '2.0', id, method, params });
    mcp.on('initialize', ({ body }, response, times) => {
      mcp.connections.add(`c${times}`);
      response.setHeader('mcp-session-id', `c${times}`);
      const capabilities = { tools: { listChanged: true }, prompts: {}, resources: { subscribe: true } };
      reply(response, resultOf(body.id, { protocolVersion: '2025-11-25', capabilities, serverInfo: {} }));
    });
    for (const method of ['logging/setLevel', 'resources/subscribe', 'resources/unsubscribe']) {
      mcp.on(method, ({ body }, response) => {
        if (body.params.uri === 'file:///unknown') {
          reply(response, { jsonrpc: '2.0', id: body.id, error: { code: -32602, message: 'unknown' } });
        } else reply(response, resultOf(body.id, {}));
      });
    }
    client.start();
    await client.initialize();
    const said = [
      request(1, 'logging/setLevel', { level: 'error' }),
      request(2, 'logging/setLevel', { level: 'debug' }),
      request(3, 'resources/subscribe', { uri: 'file:///a' }),
      request(4, 'resources/subscribe', { uri: 'file:///b' }),
      request(5, 'resources/unsubscribe', { uri: 'file:///b' }),
      request(6, 'resources/subscribe', { uri: 'file:///unknown' }),
    ];
    for (const message of said) {
      client.send(message);
      await client.answer(message.id);
    }
    mcp.connections.clear();
    client.send(call(7));
    expect(await client.answer(7)).toHaveProperty('result');
    const again = manager.seen.filter(({ headers, method }) => headers['mcp-session-id'] === 'c2' && method === 'POST');
    expect(again.map(({ body }) => [body.method, body.params])).toEqual([
      ['notifications/initialized', undefined],
      ['logging/setLevel', { level: 'debug' }],
      ['resources/subscribe', { uri: 'file:///a' }],
      ['tools/call', { name: 'x' }],
    ]);
    expect(client.messages.filter(({ method }) => method)).toEqual([
      { jsonrpc: '2.0', method: 'notifications/tools/list_changed' },
      { jsonrpc: '2.0', method: 'notifications/resources/updated', params: { uri: 'file:///a' } },
    ]);
  });

  it('has what is no call sent again', async () => {
    mcp.on('tools/list', ({ body }, response, times) => {
      if (times > 1) return reply(response, resultOf(body.id, { tools: [] }));
      stream(response, `retry: 5\n${event('s:1', progress(1))}`);
      mcp.connections.clear();
      response.end();
    });
    client.start();
    await client.initialize();
    client.send({ jsonrpc: '2.0', id: 1, method: 'tools/list' });
    expect(await client.answer(1)).toEqual(resultOf(1, { tools: [] }));
    expect(posts('tools/list').map(({ headers }) => headers['mcp-session-id'])).toEqual([
      'connection-1',
      'connection-2',
    ]);
  });

  it('is no other 404', async () => {
    const error = { code: -32602, message: 'no such server' };
    mcp.on('tools/call', ({ body }, response) => reply(response, { jsonrpc: '2.0', id: body.id, error }, 404));
    client.start();
    await client.initialize();
    client.send(call(1));
    expect((await client.answer(1)).error).toEqual(error);
    expect(posts('initialize')).toHaveLength(1);
  });

  it('does not come back by itself', async () => {
    client.start();
    await client.initialize();
    await eventually('the stream', async () => mcp.streams.length === 1);
    manager.sessions.clear();
    mcp.connections.clear();
    mcp.streams[0]?.end();
    await eventually('the stream to be asked for', async () => manager.requests('GET', '/mcp').length === 2);
    await client.end();
    expect(manager.sessions.size).toBe(0);
  });

  it('does not run a call again that may have run', async () => {
    mcp.on('tools/call', (_, response) => {
      mcp.connections.clear();
      response.destroy();
    });
    client.start();
    await client.initialize();
    client.send(call(1));
    expect((await client.answer(1)).error.code).toBe(-33017);
    expect(posts('tools/call')).toHaveLength(2);
    expect(posts('initialize')).toHaveLength(1);
  });

  it('has its stream again under another token, and when the one before was in the way', async () => {
    client.start();
    await client.initialize();
    const [before] = [...manager.sessions.keys()];
    const isRefused = (authorization: unknown) => authorization === `Bearer ${manager.tokenOf(before ?? '')}`;
    const refuse: MessageHandler = (_, response) =>
      reply(response, { error: { code: 'auth.invalid', message: 'no' } }, 401);
    mcp.on('GET', (seen, response, times) => {
      if (isRefused(seen.headers.authorization)) refuse(seen, response, times);
      else if (times < 4) reply(response, { jsonrpc: '2.0', id: null, error: { code: -33022, message: 'taken' } }, 409);
      else stream(response, event('1', progress(1)));
    });
    mcp.on('tools/call', (seen, response, times) => {
      if (isRefused(seen.headers.authorization)) refuse(seen, response, times);
      else reply(response, resultOf(seen.body.id, {}));
    });
    await eventually('the stream', async () => mcp.streams.length === 1);
    manager.sessions.clear();
    mcp.streams[0]?.destroy();
    await eventually('the refusal', async () => manager.requests('GET', '/mcp').length === 2);
    expect(manager.sessions.size).toBe(0);
    client.send(call(1));
    expect(await client.answer(1)).toHaveProperty('result');
    await eventually('a message of the stream', async () => client.messages.some(({ method }) => method));
    expect(posts('initialize')).toHaveLength(1);
  });

  it('gets another token when its own is refused', async () => {
    mcp.on('tools/list', ({ body }, response, times) => {
      if (times === 1) reply(response, { error: { code: 'auth.invalid', message: 'no' } }, 401);
      else reply(response, resultOf(body.id, { tools: [] }));
    });
    client.start();
    await client.initialize();
    client.send({ jsonrpc: '2.0', id: 1, method: 'tools/list' });
    expect(await client.answer(1)).toMatchObject({ result: {} });
    expect(posts('initialize')).toHaveLength(1);
  });
});
