import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeManager } from '../fakes/fake-manager.ts';
import { event, FakeMcp, reply, resultOf, stream } from '../fakes/fake-mcp.ts';
import { BridgeClient, call, INITIALIZE, progress } from '../support/bridge-client.ts';
import { eventually } from '../support/eventually.ts';

const PROGRAM = fileURLToPath(new URL('../fakes/cli.ts', import.meta.url));

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

describe('connect', () => {
  it('relays messages, opens the stream, and ends the connection at the end of stdin', async () => {
    client.start();
    await client.initialize();
    client.send(call('a'));
    expect(await client.answer('a')).toEqual(resultOf('a', { content: [] }));
    const [session] = manager.sessions.values();
    const [sent] = posts('tools/call');
    expect(sent?.headers).toMatchObject({
      authorization: `Bearer ${manager.tokenOf(session?.id ?? '')}`,
      'mcp-session-id': 'connection-1',
      'mcp-protocol-version': '2025-11-25',
      accept: 'application/json, text/event-stream',
      'idempotency-key': expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    expect(posts('initialize')[0]?.headers).not.toHaveProperty('mcp-protocol-version');
    await eventually('the stream', async () => mcp.streams.length === 1);
    expect(await client.end()).toBe(0);
    expect(mcp.connections.size).toBe(0);
    expect(client.messages).toHaveLength(2);
  });

  it.each([
    ['2024-11-05', '2025-03-26'],
    ['2025-03-26', '2025-03-26'],
    ['2025-06-18', '2025-06-18'],
  ])('speaks %s with a client that speaks nothing else, and %s with the gateway', async (protocolVersion, onHttp) => {
    client.start();
    await client.initialize({ ...INITIALIZE, params: { ...INITIALIZE.params, protocolVersion } });
    expect((await client.answer(0)).result).toEqual({
      protocolVersion,
      capabilities: { tools: {} },
      serverInfo: { name: 'fake', version: '1' },
    });
    client.send(call(1));
    await client.answer(1);
    expect(posts('initialize')[0]?.body.params.protocolVersion).toBe(onHttp);
    expect(posts('tools/call')[0]?.headers['mcp-protocol-version']).toBe(onHttp);
  });

  it('goes to one server on request', async () => {
    client.start({}, ['filesystem']);
    await client.initialize();
    expect(posts('initialize')[0]?.path).toBe('/mcp/filesystem');
  });

  it('passes on a request of the server, and the answer to it', async () => {
    const question = { jsonrpc: '2.0', id: 'q', method: 'elicitation/create', params: {} };
    mcp.on('tools/call', (_, response) => stream(response, event('1', question)));
    client.start();
    await client.initialize();
    client.send(call(1));
    await eventually('the question', async () => client.messages.some(({ method }) => method === question.method));
    mcp.on('response', ({ body }, response) => {
      response.writeHead(202).end();
      mcp.on('GET', (_, resumed) => stream(resumed, event('2', resultOf(1, { content: [body.result] }))));
    });
    client.send(resultOf('q', { action: 'accept' }));
    await eventually('the answer to be sent', async () => manager.seen.some(({ body }) => body?.id === 'q'));
    await manager.stop();
    await manager.listen();
    expect(await client.answer(1)).toEqual(resultOf(1, { content: [{ action: 'accept' }] }));
  });

  it('passes big and hostile texts on as they are, one line each', async () => {
    const text = `${'漢'.repeat(300_000)}\u2028\\n\u0000`;
    mcp.on('tools/call', ({ body }, response) => {
      stream(
        response,
        `data: ${JSON.stringify(resultOf(body.id, { text: body.params.name })).replace(',', ',\ndata: ')}\n\n`,
      );
    });
    client.start();
    await client.initialize();
    client.send(call(1, text));
    expect((await client.answer(1)).result.text).toBe(text);
  });

  it('delivers what the server says by itself, and resumes its stream', async () => {
    mcp.on('GET', ({ headers }, response) => {
      stream(response, `retry: 1\n${event(`${headers['last-event-id'] ?? ''}x`, progress(1))}`);
      if (String(headers['last-event-id'] ?? '').length < 2) response.end();
    });
    client.start();
    await client.initialize();
    await eventually('three messages', async () => client.messages.filter((m) => m.method).length === 3);
    expect(manager.requests('GET', '/mcp').map(({ headers }) => headers['last-event-id'])).toEqual([
      undefined,
      'x',
      'xx',
    ]);
  });

  it('leaves out what is no message, and goes on', async () => {
    const garbage = 'data: {"jsonrpc"\n\ndata: 1\n\n';
    mcp.on('GET', (_, response) => stream(response, garbage + event('1', progress(1)) + event('2', resultOf(9, {}))));
    mcp.on('tools/call', ({ body }, response) => stream(response, garbage + event('1', resultOf(body.id, {}))));
    client.start();
    await client.initialize();
    client.send(call(1));
    expect(await client.answer(1)).toEqual(resultOf(1, {}));
    await eventually('the message of the stream', async () => client.messages.length === 3);
    await client.end();
    expect(client.messages.filter(({ id }) => id !== 0 && id !== 1)).toEqual([progress(1)]);
  });

  it('closes each connection with KEEP_ALIVE=false', async () => {
    client.start({ KEEP_ALIVE: 'false' });
    await client.initialize();
    expect(posts('initialize')[0]?.headers.connection).toBe('close');
  });

  it.each([
    [{ HTTP_TIMEOUT: 'soon' }, 'HTTP_TIMEOUT is "soon": it must be a whole number of milliseconds'],
    [{ HTTP_TIMEOUT: '0' }, 'HTTP_TIMEOUT is "0"'],
    [{ HTTP_TIMEOUT: '2147483648' }, 'HTTP_TIMEOUT is "2147483648"'],
    [{ KEEP_ALIVE: 'maybe' }, 'KEEP_ALIVE is "maybe": it must be true or false'],
  ])('refuses %j', async (env, message) => {
    client.start(env);
    expect(await client.end()).toBe(1);
    expect(client.stderr).toContain(message);
  });
});

describe('an error', () => {
  it.each([
    ['without an id', 400, { jsonrpc: '2.0', id: null, error: { code: -32600, message: 'bad' } }, -32600],
    ['without an id, in an answer', 200, { jsonrpc: '2.0', id: null, error: { code: -32602, message: 'bad' } }, -32602],
    ['of the session API', 403, { error: { code: 'auth.forbidden', message: 'no' } }, -33011],
    ['that says nothing', 500, {}, -32603],
    ['that is an answer to nobody', 200, resultOf('other', {}), -32603],
  ])('%s is answered under the id of the request', async (_, status, body, code) => {
    mcp.on('tools/call', (__, response) => reply(response, body, status));
    client.start();
    await client.initialize();
    client.send(call(7));
    expect((await client.answer(7)).error.code).toBe(code);
    expect(client.messages.some(({ id }) => id === null)).toBe(false);
  });

  it('is the answer to what is not JSON-RPC but has an id; what has none is reported to people', async () => {
    client.start();
    client.sendText('not json\n{"id":1,"method":"x"}\n{"jsonrpc":"2.0"}\n\n[1]\n');
    expect((await client.answer(1)).error.code).toBe(-32600);
    await client.end();
    expect(client.messages).toHaveLength(1);
    expect(client.stderr.trim().split('\n')).toHaveLength(3);
  });

  it('answers initialize when no session can be made', async () => {
    client.start({}, ['--workspace', '/refused']);
    client.send(INITIALIZE);
    expect((await client.answer(0)).error).toMatchObject({ code: -33011, message: 'this workspace is outside' });
  });

  it('answers nothing when the client cancelled the request', async () => {
    mcp.on('tools/call', (_, response) => stream(response, ': running\n\n'));
    client.start();
    await client.initialize();
    client.send(call(1));
    await eventually('the call', async () => posts('tools/call').length === 1);
    client.send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } });
    expect(await client.end()).toBe(0);
    expect(client.messages).toHaveLength(1);
    expect(posts('notifications/cancelled')).toHaveLength(1);
  });
});

describe('the end', () => {
  it('waits for calls in flight', async () => {
    const held: (() => void)[] = [];
    mcp.on('tools/call', ({ body }, response) => held.push(() => reply(response, resultOf(body.id, {}))));
    client.start();
    await client.initialize();
    client.send(call(1));
    await eventually('the call', async () => held.length === 1);
    const ended = client.end();
    held[0]?.();
    expect(await ended).toBe(0);
    expect(client.messages.at(-1)).toEqual(resultOf(1, {}));
  });

  it('answers what it no longer waits for', async () => {
    mcp.on('tools/call', () => {});
    client.start({ HTTP_TIMEOUT: '300' });
    await client.initialize();
    client.send(call(1));
    await eventually('the call', async () => posts('tools/call').length === 1);
    expect(await client.end()).toBe(0);
    expect(client.messages.at(-1)).toMatchObject({ id: 1, error: { code: -33017 } });
  });

  it.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('comes with %s', async (signal) => {
    mcp.on('tools/call', () => {});
    const child = spawn(process.execPath, [PROGRAM, 'connect'], {
      env: { ...process.env, ...manager.env },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const ended = once(child, 'close'); // all that it wrote has been read
    let out = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
    });
    child.stdin.write(`${JSON.stringify(INITIALIZE)}\n`);
    await eventually('the connection', async () => out.includes('\n'));
    child.stdin.write(`${JSON.stringify(call(1))}\n`);
    await eventually('the call', async () => posts('tools/call').length === 1);
    child.kill(signal);
    expect((await ended)[0]).toBe(0);
    expect(JSON.parse(out.trim().split('\n').at(-1) ?? '')).toMatchObject({ id: 1, error: { code: -33017 } });
    expect(mcp.connections.size).toBe(0);
  });

  it('comes at once with a signal while a manager that hangs is asked for a session', async () => {
    let ended = false;
    manager.handlers.set('POST /api/sessions', (_, response) => {
      response.once('close', () => {
        ended = true;
      });
    });
    const child = spawn(process.execPath, [PROGRAM, 'connect'], {
      env: { ...process.env, ...manager.env },
      stdio: ['pipe', 'ignore', 'inherit'],
    });
    const exited = once(child, 'exit');
    for (const message of [INITIALIZE, { jsonrpc: '2.0', id: 1, method: 'ping' }]) {
      child.stdin.write(`${JSON.stringify(message)}\n`);
    }
    await eventually('it asks', async () => manager.requests('POST', '/api/sessions').length > 0);
    child.kill('SIGTERM');
    expect((await exited)[0]).toBe(0); // an answer would be waited for longer than a test may take
    await eventually('the request is given up', async () => ended);
  });
});

describe('the official client', () => {
  it('works through the bridge', async () => {
    const sdk = new Client({ name: 'test', version: '1' });
    const env = { ...manager.env, PATH: process.env.PATH ?? '' };
    await sdk.connect(new StdioClientTransport({ command: process.execPath, args: [PROGRAM, 'connect'], env }));
    expect(await sdk.listTools()).toEqual({ tools: [] });
    await manager.stop();
    const result = sdk.callTool({ name: 'x' });
    await manager.listen();
    expect(await result).toEqual({ content: [] });
    await sdk.close();
  });
});
