import { Client as ClientV2, SSEClientTransport as TransportV2 } from '@modelcontextprotocol/client';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/sse.js';
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { TestManager } from '../support/manager.ts';
import { textOf } from '../support/mcp-clients.ts';
import { callTool, RawMcp, rpc } from '../support/raw-mcp.ts';
import { RawSse } from './http-sse-client.ts';

let manager: TestManager;
beforeAll(async () => {
  manager = await TestManager.start({
    servers: { broken: { command: 'node', args: ['-e', 'process.exit(7)'] } },
    env: {
      MCP_SESSION_MANAGER_STREAM_HEARTBEAT: '1s',
      MCP_SESSION_MANAGER_TOKEN_IN_PATH: 'true',
      MCP_SESSION_MANAGER_CONNECTIONS_PER_SESSION: '4',
    },
  });
});
afterAll(() => manager[Symbol.asyncDispose]());

/** A session of its own, since its orphans are adopted. */
const session = async (servers = ['counting']): Promise<string> => (await manager.open({ servers })).token;
const open = (token: string, path = '/sse/counting', lastEventId?: string): Promise<RawSse> =>
  RawSse.open(`${manager.url}${path}`, token, lastEventId);
const initialized = async (token: string, path?: string): Promise<RawSse> => {
  const stream = await open(token, path);
  await stream.initialize();
  return stream;
};
const idOf = (stream: RawSse): string | null =>
  new URL(stream.endpoint ?? '', manager.url).searchParams.get('session_id');
const bodyOf = async (response: Response): Promise<object> => ({
  status: response.status,
  body: JSON.parse((await response.text()) || 'null'),
});

describe('the stream', () => {
  it('[sse.endpoint] begins with where to post, passes what lies between, and stays alive', async () => {
    const token = await session();
    using stream = await open(token, '/sse');
    const { headers, status } = stream.response;
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('text/event-stream');
    expect(headers.get('x-accel-buffering')).toBe('no');
    expect(headers.get('cache-control')).toContain('no-cache');
    expect(stream.endpoint).toMatch(/^\/messages\/\?session_id=[a-z2-7]{32}$/);
    const named = stream.events.filter(({ event, data }) => event !== undefined || data !== undefined);
    expect(named[0]).toMatchObject({ event: 'endpoint' });
    expect(stream.events.some(({ retry }) => retry !== undefined)).toBe(true);
    await eventually('a comment came', async () => stream.lines.some((line) => line.startsWith(':')));
  });

  it('[sse.endpoint] is refused to whoever has no session here, or asks for a server that it has not', async () => {
    const answers = await Promise.all([
      fetch(`${manager.url}/sse`),
      fetch(`${manager.url}/sse`, { headers: { authorization: 'Bearer nothing' } }),
      fetch(`${manager.url}/sse/none`, { headers: { authorization: `Bearer ${await session()}` } }),
      fetch(`${manager.url}/sse`, { headers: { origin: 'http://elsewhere.example' } }),
      fetch(`${manager.url}/sse`, { method: 'POST' }),
      fetch(`${manager.url}/messages/`),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([401, 401, 404, 403, 405, 405]);
  });

  it('[sse.endpoint] keeps the token where it was given, in the path', async () => {
    const token = await session();
    using stream = await open('none', `/t/${token}/sse/counting`);
    expect(stream.endpoint).toMatch(new RegExp(`^/t/${token}/messages/\\?session_id=`));
    expect((await stream.initialize()).result).toMatchObject({ protocolVersion: '2024-11-05' });
  });
});

describe('a message', () => {
  it('[sse.message] is answered with 202 and an empty body, and its answer comes as a `message` event', async () => {
    const token = await session();
    using stream = await open(token);
    const { result } = await stream.initialize('2024-11-05');
    expect(result).toMatchObject({ protocolVersion: '2024-11-05', serverInfo: { name: 'counting' } });
    const posted = await stream.post(callTool(1, 'echo', { text: 'hello' }));
    expect(posted.status).toBe(202);
    expect(await posted.text()).toBe('');
    expect(textOf((await stream.answer(1)).result)).toBe('hello');
    expect(await stream.ask(rpc('p', 'ping'))).toEqual({ jsonrpc: '2.0', id: 'p', result: {} });
    // Under the name that other clients give it too.
    const other = (stream.endpoint ?? '').replace('session_id', 'sessionId');
    expect((await stream.post(callTool(2, 'echo', { text: 'again' }), undefined, other)).status).toBe(202);
    expect(textOf((await stream.answer(2)).result)).toBe('again');
  });

  it('[sse.message] may be for all servers of the session', async () => {
    const token = await session(['counting', 'filesystem']);
    using stream = await initialized(token, '/sse');
    const { result } = await stream.ask(rpc(1, 'tools/list'));
    const names = (result as { tools: { name: string }[] }).tools.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['counting_echo', 'filesystem_read_text_file']));
    expect(textOf((await stream.ask(callTool(2, 'counting_echo', { text: 'x' }))).result)).toBe('x');
    expect((await stream.ask(callTool(3, 'nowhere_echo'))).error).toMatchObject({ code: expect.any(Number) });
  });

  it('[sse.message] that cannot be passed on gets an HTTP error with its own id', async () => {
    const [token, foreign] = [await session(), await session()];
    using stream = await initialized(token);
    using other = await initialized(foreign);
    const call = callTool('my-id', 'echo', { text: 'x' });
    const to = (endpoint: string) => stream.post(call, undefined, endpoint).then(bodyOf);
    const over = { status: 404, body: { id: 'my-id', error: { code: -32001 } } };
    expect(await to('/messages/?session_id=made-up')).toMatchObject(over);
    expect(await to(`/messages/?session_id=${'a'.repeat(32)}`)).toMatchObject(over);
    expect(await to(other.endpoint ?? '')).toMatchObject(over);
    expect(await to(`/messages/?session_id=${idOf(stream)?.split('.')[0]}`)).toMatchObject(over); // of another server
    expect(await to('/messages/')).toMatchObject({ status: 400, body: { id: 'my-id', error: { code: -32600 } } });
    expect(await stream.post('{"jsonrpc"').then(bodyOf)).toMatchObject({ status: 400, body: { id: null } });
    expect(await stream.post([call] as never).then(bodyOf)).toMatchObject({ status: 400 });
    // An id of Streamable HTTP is none of HTTP+SSE.
    const mcp = new RawMcp(`${manager.url}/mcp/counting`, token);
    await mcp.initialize();
    expect(await to(`/messages/?session_id=${mcp.id}.counting`)).toMatchObject(over);
  });

  it('[sse.message] is refused before "initialize", and whichever is too many', async () => {
    const token = await session();
    const streams: RawSse[] = [];
    for (let n = 0; n < 4; n++) streams.push(await initialized(token));
    using fifth = await open(token);
    expect(await fifth.post(rpc(7, 'tools/list')).then(bodyOf)).toMatchObject({ status: 404, body: { id: 7 } });
    const params = { protocolVersion: '2024-11-05', capabilities: {}, clientInfo: { name: 'x', version: '1' } };
    const refused = await fifth.post(rpc(8, 'initialize', params)).then(bodyOf);
    expect(refused).toMatchObject({ status: 429, body: { id: 8, error: { message: expect.stringContaining('4') } } });
    for (const stream of streams) stream[Symbol.dispose]();
  });

  it('[sse.message] is answered after all that belongs to it, in its order', async () => {
    using stream = await initialized(await session());
    const _meta = { progressToken: 'token' };
    await stream.ask(rpc(1, 'tools/call', { name: 'notify', arguments: { n: 3 }, _meta }));
    const [, ...said] = stream.messages;
    expect(said.map(({ id, params }) => params?.progress ?? id)).toEqual([1, 2, 3, 1]);
  });

  it('[sse.message] carries what a server asks, and the answer to it', async () => {
    const token = await session();
    const client = new ClientV1({ name: 'test', version: '1' }, { capabilities: { elicitation: {} } });
    client.setRequestHandler(ElicitRequestSchema, () => ({ action: 'accept' as const, content: { colour: 'blue' } }));
    const requestInit = { headers: { authorization: `Bearer ${token}` } };
    await client.connect(new TransportV1(new URL(`${manager.url}/sse/counting`), { requestInit }) as never);
    expect(textOf(await client.callTool({ name: 'ask' }))).toBe('colour blue');
    await client.close();
  });
});

describe('a server', () => {
  it('[sse.message] that cannot be started fails "initialize" by HTTP, since no stream could say so', async () => {
    using stream = await open(await session(['broken']), '/sse/broken');
    const params = { protocolVersion: '2024-11-05', capabilities: {}, clientInfo: { name: 'x', version: '1' } };
    const refused = await stream.post(rpc(1, 'initialize', params));
    expect(await bodyOf(refused)).toMatchObject({ status: 503, body: { id: 1, error: { code: -33015 } } });
  });

  it('[sse.message] whose instance dies in the middle of a call: its client is told, and goes on', async () => {
    const { token, session: opened } = await manager.open();
    using stream = await initialized(token);
    const before = manager.count('sleep');
    await stream.post(callTool(1, 'sleep', { seconds: 60 }));
    await eventually('the call runs', async () => manager.count('sleep') > before);
    const [server] = (await manager.view(opened.id)).servers;
    process.kill(Number(server?.instance), 'SIGKILL');
    expect((await stream.answer(1)).error).toMatchObject({ code: -33017 });
    await eventually('it is to look again', async () =>
      stream.messages.some(({ method }) => method === 'notifications/tools/list_changed'),
    );
    expect(textOf((await stream.ask(callTool(2, 'echo', { text: 'on' }))).result)).toBe('on');
  });
});

describe('a client that comes back', () => {
  it.each([
    { path: '/sse/counting', prefix: '' },
    { path: '/sse', prefix: 'counting_' },
  ])('[sse.adopt] without a word adopts its connection, and gets what it missed: $path', async ({ path, prefix }) => {
    const token = await session(['counting', 'filesystem']);
    const first = await initialized(token, path);
    const before = manager.count('sleep');
    expect((await first.post(callTool(1, `${prefix}sleep`, { seconds: 1 }))).status).toBe(202);
    await eventually('the call runs', async () => manager.count('sleep') > before);
    first[Symbol.dispose]();
    using again = await open(token, path);
    expect(again.endpoint).toBe(first.endpoint);
    expect(textOf((await again.answer(1)).result)).toBe('slept 1');
    expect(again.messages.map(({ id }) => id)).toEqual([1]); // and nothing that it has had
    expect(textOf((await again.ask(callTool(2, `${prefix}echo`, { text: 'on' }))).result)).toBe('on');
    expect(manager.count('sleep')).toBe(before + 1);
  });

  it('[sse.adopt] with Last-Event-ID gets what came after it, of its own connection', async () => {
    const token = await session();
    const streams = [await initialized(token), await initialized(token)];
    for (const [n, stream] of streams.entries()) {
      await stream.ask(callTool(1, 'echo', { text: `one ${n}` }));
      const place = stream.lastEventId;
      await stream.ask(callTool(2, 'echo', { text: `two ${n}` }));
      stream[Symbol.dispose]();
      using again = await open(token, '/sse/counting', place);
      expect(again.endpoint).toBe(stream.endpoint);
      expect(textOf((await again.answer(2)).result)).toBe(`two ${n}`);
      expect(again.messages).toHaveLength(1);
    }
  });

  it('[sse.adopt] anew is not told what its predecessor asked', async () => {
    const token = await session();
    const first = await initialized(token);
    const before = manager.count('sleep');
    // Not answered before the second is initialized, and answered before the second's last call.
    await first.post(callTool(1, 'sleep', { seconds: 5 }));
    await eventually('the call runs', async () => manager.count('sleep') > before);
    first[Symbol.dispose]();
    using second = await initialized(token);
    expect(second.endpoint).toBe(first.endpoint);
    expect(textOf((await second.ask(callTool(1, 'echo', { text: 'mine' }))).result)).toBe('mine');
    expect(textOf((await second.ask(callTool(2, 'sleep', { seconds: 6 }))).result)).toBe('slept 6');
    expect(second.messages.map(({ id }) => id)).toEqual(['init', 1, 2]);
  });

  it('[sse.adopt] goes on, initialized, where it cannot be known which connection was its', async () => {
    const token = await session();
    for (const stream of [await initialized(token), await initialized(token)]) stream[Symbol.dispose]();
    using back = await eventually('both are seen to have gone', async () => {
      const stream = await open(token);
      const answered = await stream.post(callTool(1, 'echo', { text: 'on' }));
      if (answered.status === 202) return stream;
      stream[Symbol.dispose]();
      return undefined;
    });
    expect(textOf((await back.answer(1)).result)).toBe('on');
  });

  it('[sse.adopt] while its old stream looks alive goes on too, and takes nothing from it', async () => {
    const token = await session();
    using old = await initialized(token);
    using back = await open(token);
    expect(back.endpoint).not.toBe(old.endpoint);
    expect(textOf((await back.ask(callTool(1, 'echo', { text: 'back' }))).result)).toBe('back');
    expect(textOf((await old.ask(callTool(1, 'echo', { text: 'old' }))).result)).toBe('old');
    expect([old, back].map(({ messages }) => messages.filter(({ id }) => id === 1).length)).toEqual([1, 1]);
  });
});

describe('the end', () => {
  it('[sse.over] a session that was ended ends its streams, and its messages get 404', async () => {
    const { token, session: opened } = await manager.open({ servers: ['counting'] });
    using stream = await initialized(token);
    using waiting = await open(token, '/sse');
    await manager.api('DELETE', `/api/sessions/${opened.id}`);
    await stream.end();
    await waiting.end();
    expect(await stream.post(rpc(1, 'ping')).then(bodyOf)).toMatchObject({ status: 404, body: { id: 1 } });
    expect((await fetch(`${manager.url}/sse`, { headers: { authorization: `Bearer ${token}` } })).status).toBe(404);
  });
});

describe('the manager is killed and started again', () => {
  it.each([
    ['v1', (url: URL, init: RequestInit) => connectV1(url, init)],
    ['v2', (url: URL, init: RequestInit) => connectV2(url, init)],
  ])('[sse.adopt] the client of the SDK %s gets the answer to the call that ran', async (_name, connect) => {
    const token = await session();
    const headers = { authorization: `Bearer ${token}` };
    const client = await connect(new URL(`${manager.url}/sse/counting`), { headers });
    expect((await client.listTools()).tools.length).toBeGreaterThan(5);
    const before = manager.count('sleep');
    const call = client.callTool({ name: 'sleep', arguments: { seconds: 3 } });
    await eventually('the call runs', async () => manager.count('sleep') > before);
    await manager.kill();
    await manager.start();
    expect(textOf(await call)).toBe('slept 3');
    expect(manager.count('sleep')).toBe(before + 1);
    expect(textOf(await client.callTool({ name: 'echo', arguments: { text: 'on' } }))).toBe('on');
    await client.close();
  });
});

async function connectV1(url: URL, requestInit: RequestInit) {
  const client = new ClientV1({ name: 'test', version: '1' });
  await client.connect(new TransportV1(url, { requestInit }) as never);
  return client;
}

async function connectV2(url: URL, requestInit: RequestInit) {
  const client = new ClientV2({ name: 'test', version: '2' });
  await client.connect(new TransportV2(url, { requestInit }));
  return client;
}
