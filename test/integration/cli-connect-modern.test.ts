import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { acknowledged, changed, ModernMcp, modernEvent } from '../fakes/bridge-modern-mcp.ts';
import { FakeManager, type Seen } from '../fakes/fake-manager.ts';
import { FakeMcp, reply, resultOf, stream } from '../fakes/fake-mcp.ts';
import { BridgeClient, call, cancelled, modern, progress } from '../support/bridge-client.ts';
import { eventually } from '../support/eventually.ts';

const PROGRAM = fileURLToPath(new URL('../fakes/cli.ts', import.meta.url));

let manager: FakeManager;
let mcp: ModernMcp;
let client: BridgeClient;
beforeEach(async () => {
  manager = await FakeManager.start();
  mcp = new ModernMcp(manager);
  client = new BridgeClient(manager);
});
afterEach(async () => {
  await client.end();
  await manager[Symbol.asyncDispose]();
});

const posts = (method: string) => manager.requests('POST', '/mcp').filter(({ body }) => body.method === method);
const unchanged = { toolsListChanged: true, resourcesListChanged: false, resourceSubscriptions: ['file:///a'] };
const listen = (id: number | string) => modern(id, 'subscriptions/listen', { notifications: unchanged });
const methods = () => client.messages.filter((m) => m.method).map((m) => m.method);

describe('a modern request', () => {
  it('needs no initialization', async () => {
    client.start();
    client.send(modern('d', 'server/discover'));
    expect((await client.answer('d')).result.supportedVersions).toEqual(['2026-07-28']);
    client.send(modern(1, 'tools/call', { name: 'x' }));
    expect((await client.answer(1)).result).toEqual({ resultType: 'complete', content: [] });
    const [session] = manager.sessions.values();
    expect(posts('tools/call')[0]?.headers).toMatchObject({
      authorization: `Bearer ${manager.tokenOf(session?.id ?? '')}`,
      accept: 'application/json, text/event-stream',
      'idempotency-key': expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    expect(await client.end()).toBe(0);
    expect(manager.seen.filter(({ path }) => path.startsWith('/mcp')).map(({ method }) => method)).toEqual([
      'POST',
      'POST',
    ]);
  });

  it.each([
    ['tools/call', { name: 'plain name' }, 'plain name'],
    ['tools/call', { name: 'Hello, 世界' }, '=?base64?SGVsbG8sIOS4lueVjA==?='],
    ['prompts/get', { name: ' padded ' }, '=?base64?IHBhZGRlZCA=?='],
    ['prompts/get', { name: '=?base64?literal?=' }, '=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?='],
    ['resources/read', { uri: 'line1\nline2' }, '=?base64?bGluZTEKbGluZTI=?='],
    ['resources/read', { uri: 'file:///a' }, 'file:///a'],
  ])('%s says %j in its headers', async (method, params, name) => {
    client.start();
    client.send(modern(1, method, params));
    expect(await client.answer(1)).toHaveProperty('result');
    expect(posts(method)[0]?.headers['mcp-name']).toBe(name);
  });

  it('is answered by a stream, too', async () => {
    mcp.on('tools/call', ({ body }, response) =>
      stream(response, modernEvent(progress(1)) + modernEvent(progress(1)) + modernEvent(resultOf(body.id, {}))),
    );
    client.start();
    client.send(modern(1, 'tools/call', { name: 'x' }));
    await client.answer(1);
    expect(client.messages).toEqual([progress(1), progress(1), resultOf(1, {})]);
  });

  it.each([
    [400, { code: -32022, message: 'no', data: { supported: ['2026-07-28'], requested: '1900-01-01' } }],
    [404, { code: -32601, message: 'no such method' }],
    [404, { code: -32602, message: 'no such server' }],
    [400, { code: -32021, message: 'sampling', data: { requiredCapabilities: { sampling: {} } } }],
  ])('is answered with the error of an HTTP %i: %j', async (status, error) => {
    mcp.on('tools/list', ({ body }, response) => reply(response, { jsonrpc: '2.0', id: body.id, error }, status));
    client.start();
    client.send(modern(1, 'tools/list'));
    expect(await client.answer(1)).toEqual({ jsonrpc: '2.0', id: 1, error });
    expect(posts('tools/list')).toHaveLength(1);
  });

  it('is refused where HTTP cannot say its method', async () => {
    client.start();
    client.send(modern(1, 'tools/call\r\nx: y'));
    expect((await client.answer(1)).error).toMatchObject({ code: -32600, message: expect.stringContaining('ASCII') });
    expect(manager.requests('POST', '/mcp')).toHaveLength(0);
  });

  it('is taken back by closing its stream, without an answer', async () => {
    mcp.on('tools/call', ({ body }, response) => {
      if (body.id === 1) stream(response, ': running\n\n'); // the other one has not even headers
    });
    client.start();
    client.send(modern(1, 'tools/call', { name: 'x' }), modern(2, 'tools/call', { name: 'x' }));
    await eventually('the calls', async () => posts('tools/call').length === 2);
    client.send(cancelled(1), cancelled(2), cancelled(2));
    await eventually('the end of both', async () => [1, 2].every((id) => mcp.abandoned.includes(id)));
    expect(await client.end()).toBe(0);
    expect(client.messages).toEqual([]);
    expect(posts('tools/call')).toHaveLength(2);
  });
});

describe('a client of both eras', () => {
  it('falls back to initialize', async () => {
    new FakeMcp(manager);
    client.start();
    client.send(modern('probe', 'server/discover'));
    expect(await client.answer('probe')).toHaveProperty('error');
    await client.initialize();
    client.send(call(1));
    expect(await client.answer(1)).toHaveProperty('result');
    expect(posts('tools/call')[0]?.headers).toMatchObject({ 'mcp-session-id': 'connection-1' });
  });

  it('is served in both at once, in one session', async () => {
    new FakeMcp(manager);
    mcp = new ModernMcp(manager, manager.onMcp);
    client.start();
    await client.initialize();
    client.send(call(1), modern(2, 'tools/call', { name: 'x' }), call(3));
    for (const id of [1, 2, 3]) expect(await client.answer(id)).toHaveProperty('result');
    expect(
      posts('tools/call')
        .map(({ headers }) => headers['mcp-protocol-version'])
        .sort(),
    ).toEqual(['2025-11-25', '2025-11-25', '2026-07-28']);
    expect(manager.sessions.size).toBe(1);
  });
});

describe('a subscription', () => {
  it('delivers what it is told', async () => {
    client.start();
    client.send(listen('s'));
    await eventually('the subscription', async () => mcp.subscriptions.length === 1);
    const change = changed('s', 'notifications/tools/list_changed');
    mcp.subscriptions[0]?.write(modernEvent(change) + modernEvent(change));
    await eventually('the changes', async () => client.messages.length === 3);
    expect(client.messages).toEqual([acknowledged('s', unchanged), change, change]);
  });

  it('is opened again when it breaks, and tells what may have been missed', async () => {
    client.start();
    client.send(listen(1));
    await eventually('the subscription', async () => methods().length === 1);
    await manager.stop();
    await manager.listen();
    await eventually('the changes', async () => methods().length === 3);
    expect(client.messages.slice(1)).toEqual([
      changed(1, 'notifications/tools/list_changed'),
      changed(1, 'notifications/resources/updated', { uri: 'file:///a' }),
    ]);
    mcp.subscriptions[1]?.write(modernEvent(changed(1, 'notifications/tools/list_changed')));
    await eventually('one more', async () => methods().length === 4);
    const keys = posts('subscriptions/listen').map(({ headers }) => headers['idempotency-key']);
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('is opened again however long it takes', async () => {
    client.start({ HTTP_TIMEOUT: '200' });
    client.send(listen(1));
    await eventually('the subscription', async () => methods().length === 1);
    await manager.stop();
    for (const id of [2, 3]) {
      client.send(modern(id, 'server/discover'));
      expect(await client.answer(id)).toHaveProperty('error');
    }
    await manager.listen();
    await eventually('the changes', async () => methods().length >= 3);
    expect(client.messages.some(({ id }) => id === 1)).toBe(false);
  });

  it('ends when the client takes it back', async () => {
    client.start();
    client.send(listen(1));
    await eventually('the subscription', async () => methods().length === 1);
    client.send(cancelled(1));
    await eventually('its end', async () => mcp.abandoned.includes(1));
    expect(await client.end()).toBe(0);
    expect(client.messages).toHaveLength(1);
    expect(posts('subscriptions/listen')).toHaveLength(1);
  });

  it('is opened again when its gateway ends it', async () => {
    const completed = (id: unknown) => modernEvent(resultOf(id, { resultType: 'complete' }));
    mcp.on('subscriptions/listen', ({ body }, response, times) => {
      if (times === 1) reply(response, resultOf(body.id, { resultType: 'complete' }));
      else stream(response, modernEvent(acknowledged(body.id, unchanged)));
      if (times === 2) response.end(completed(body.id));
    });
    client.start();
    client.send(listen(1));
    await eventually('the changes', async () => methods().length === 3);
    expect(posts('subscriptions/listen')).toHaveLength(3);
    expect(client.messages.some(({ id }) => id === 1)).toBe(false);
  });

  it('ends when the server refuses to go on', async () => {
    const error = { code: -32602, message: 'no such server' };
    mcp.on('subscriptions/listen', ({ body }, response, times) => {
      if (times > 1) reply(response, { jsonrpc: '2.0', id: body.id, error }, 404);
      else stream(response, modernEvent(acknowledged(body.id, unchanged)));
      if (times === 1) response.end();
    });
    client.start();
    client.send(listen(1));
    expect((await client.answer(1)).error).toEqual(error);
  });

  it('is completed at the end of stdin, which waits for nothing else', async () => {
    client.start();
    client.send(listen('s'));
    await eventually('the subscription', async () => methods().length === 1);
    expect(await client.end()).toBe(0);
    expect((await client.answer('s')).result).toEqual({
      resultType: 'complete',
      _meta: { 'io.modelcontextprotocol/subscriptionId': 's' },
    });
  });

  it('fails at once when it is refused', async () => {
    const error = { code: -32602, message: 'no filter' };
    mcp.on('subscriptions/listen', ({ body }, response) => reply(response, { jsonrpc: '2.0', id: body.id, error }));
    client.start();
    client.send(listen(1));
    expect((await client.answer(1)).error).toEqual(error);
  });

  it('does not bring back a session that is over, but joins the one that the client’s next call makes', async () => {
    client.start();
    client.send(listen(1));
    await eventually('the subscription', async () => mcp.subscriptions.length === 1);
    const [before] = [...manager.sessions.keys()];
    manager.sessions.clear();
    const isOver = ({ authorization }: Seen['headers']) => authorization === `Bearer ${manager.tokenOf(before ?? '')}`;
    const refuse = (body: { id: unknown }, response: Parameters<typeof reply>[0]) =>
      reply(response, { jsonrpc: '2.0', id: body.id, error: { code: -32001, message: 'over' } }, 404);
    mcp.on('subscriptions/listen', ({ headers, body }, response) => {
      if (isOver(headers)) refuse(body, response);
      else stream(response, modernEvent(acknowledged(body.id, unchanged)));
    });
    mcp.on('tools/list', ({ headers, body }, response) => {
      if (isOver(headers)) refuse(body, response);
      else reply(response, resultOf(body.id, { tools: [] }));
    });
    mcp.subscriptions[0]?.destroy();
    await eventually('the refusal', async () => posts('subscriptions/listen').length === 2);
    expect(manager.sessions.size).toBe(0);
    client.send(modern(2, 'tools/list'));
    expect(await client.answer(2)).toHaveProperty('result');
    await eventually('the changes', async () => methods().length === 3);
    expect(manager.sessions.size).toBe(1);
  });
});

describe('the official client (v2)', () => {
  it('is modern through the bridge, also while the manager restarts', async () => {
    mcp.on('server/discover', ({ body }, response) => {
      const capabilities = { tools: { listChanged: true } };
      const result = { resultType: 'complete', supportedVersions: ['2026-07-28'], capabilities };
      reply(response, resultOf(body.id, { ...result, ttlMs: 0, cacheScope: 'private' }));
    });
    const sdk = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode: 'auto' } });
    const changes: unknown[] = [];
    sdk.setNotificationHandler('notifications/tools/list_changed', (change) => void changes.push(change));
    const env = { ...manager.env, PATH: process.env.PATH ?? '' };
    await sdk.connect(new StdioClientTransport({ command: process.execPath, args: [PROGRAM, 'connect'], env }));
    expect(sdk.getNegotiatedProtocolVersion()).toBe('2026-07-28');
    const subscription = await sdk.listen({ toolsListChanged: true });
    expect(subscription.honoredFilter).toEqual({ toolsListChanged: true });
    await manager.stop();
    const result = sdk.callTool({ name: 'x' });
    await manager.listen();
    expect(await result).toMatchObject({ content: [] });
    await eventually('the change that may have been missed', async () => changes.length > 0);
    await subscription.close();
    await eventually('the end of the subscription', async () => mcp.subscriptions.at(-1)?.destroyed);
    expect(manager.seen.some(({ body }) => body?.method === 'initialize')).toBe(false);
    await sdk.close();
  });
});
