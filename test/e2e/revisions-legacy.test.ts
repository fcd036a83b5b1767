import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { TestManager } from '../support/manager.ts';
import { textOf } from '../support/mcp-clients.ts';
import { type Answer, callTool, messagesOf, RawMcp, rpc } from '../support/raw-mcp.ts';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const MIRROR = fileURLToPath(new URL('./revisions-mirror.ts', import.meta.url));

let manager: TestManager;
let token: string;
beforeAll(async () => {
  manager = await TestManager.start({
    servers: { mirror: { command: 'node', args: [MIRROR] } },
    // No answer is a stream because of its time.
    env: { MCP_SESSION_MANAGER_STREAM_AFTER: '60s' },
  });
  ({ token } = await manager.open({ servers: ['mirror', 'counting'] }));
});
afterAll(() => manager[Symbol.asyncDispose]());

async function client(path = '/mcp/mirror'): Promise<RawMcp> {
  const mcp = new RawMcp(manager.url + path, token);
  await mcp.initialize();
  return mcp;
}
/** The text of a call's result, from a body or a stream. */
const textIn = ({ json, events }: Answer): string =>
  textOf((messagesOf(events).at(-1) ?? (json as { result: unknown })).result);

describe('messages', () => {
  it('[post.utf8] of bytes that are no UTF-8 are refused, and reach no server', async () => {
    const mcp = await client();
    const [before, after] = JSON.stringify(callTool(1, 'line', { text: '|' })).split('|') as [string, string];
    for (const bytes of [[0xff], [0xc3, 0x28], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80]]) {
      const body = Buffer.concat([Buffer.from(before), Buffer.from(bytes), Buffer.from(after)]);
      const answer = await fetch(mcp.url, { method: 'POST', headers: mcp.headers(), body });
      expect(answer.status).toBe(400);
      expect(await answer.json()).toMatchObject({ id: null, error: { code: -32700 } });
    }
    const text = 'ü \u{1F600} \u2028';
    expect(JSON.parse(textIn(await mcp.post(callTool(2, 'line', { text }))))).toMatchObject({
      params: { arguments: { text } },
    });
    expect(JSON.parse(textIn(await mcp.post(callTool(3, 'lines'))))).not.toContainEqual(
      expect.stringContaining('\uFFFD'),
    );
  });

  it('[message.id] have the id of their request, whichever it is, and none but strings and integers', async () => {
    for (const path of ['/mcp/mirror', '/mcp']) {
      const mcp = await client(path);
      for (const id of [0, -7, 2 ** 53 - 1, '', '0', 'é/"{}']) {
        expect((await mcp.post(rpc(id, 'tools/list'))).json).toMatchObject({ id, result: {} });
        expect((await mcp.post(rpc(id, 'prompts/get', { name: 'none' }))).json).toMatchObject({ id, error: {} });
      }
      for (const id of ['null', '1.5', '9007199254740993', 'true', '[1]', '{}']) {
        const { status, json } = await mcp.post(`{"jsonrpc":"2.0","id":${id},"method":"tools/list"}`);
        expect({ status, json }, id).toMatchObject({ status: 400, json: { error: { code: -32600 } } });
      }
    }
  });

  it('[message.meta] keep what is in their _meta, in both directions', async () => {
    const asked = { 'example.org/asked': { b: [null, 'x'] }, plain: 1, progressToken: 'p' };
    for (const [path, name] of [
      ['/mcp/mirror', 'line'],
      ['/mcp', 'mirror_line'],
    ] as const) {
      const answer = await (await client(path)).post(rpc(1, 'tools/call', { name, arguments: {}, _meta: asked }));
      const { params } = JSON.parse(textIn(answer)) as { params: { _meta: object } };
      expect(params._meta).toMatchObject({ 'example.org/asked': { b: [null, 'x'] }, plain: 1 });
      const said = { 'example.org/said': { a: [1] } };
      const messages = messagesOf(answer.events);
      expect(messages).toHaveLength(3);
      expect(messages[0]).toMatchObject({ method: 'notifications/progress', params: { _meta: said } });
      expect(messages[2]).toMatchObject({ result: { _meta: said } });
    }
  });

  it('[message.meta] are refused where servers would drop them without a word', async () => {
    const mcp = await client();
    for (const _meta of [null, 1, 'x', [], { progressToken: null }, { progressToken: 1.5 }, { progressToken: {} }]) {
      const { status, json } = await mcp.post(rpc(4, 'tools/call', { name: 'line', _meta }));
      expect({ status, json }).toMatchObject({ status: 400, json: { id: 4, error: { code: -32600 } } });
    }
    const both = await mcp.post({ ...rpc(5, 'ping'), result: {} });
    expect(both).toMatchObject({ status: 400, json: { id: 5 } });
  });

  it('[stdio.lines] are one line for a server on stdio, however they were written', async () => {
    const mcp = await client();
    const pretty = JSON.stringify(callTool(1, 'line', { text: 'a\nb\r\n\u2028' }), null, 2);
    for (const body of [pretty, pretty.replaceAll('\n', '\r\n'), pretty.replaceAll('\n', '\r'), `\n\n${pretty}\n\n`]) {
      const line = textIn(await mcp.post(body));
      expect(line).not.toMatch(/[\r\n]/);
      expect(JSON.parse(line)).toMatchObject({ params: { arguments: { text: 'a\nb\r\n\u2028' } } });
    }
  });
});

describe('what the specification asks of both sides', () => {
  it('[lifecycle.capabilities] initialization says what the server says of itself', async () => {
    const mcp = new RawMcp(`${manager.url}/mcp/mirror`, token);
    for (const version of ['2025-11-25', '2025-06-18', '2025-03-26']) {
      expect((await mcp.initialize(version)).json).toEqual({
        jsonrpc: '2.0',
        id: 0,
        result: {
          protocolVersion: version,
          capabilities: { tools: {}, experimental: { 'example.org/x': {} } },
          serverInfo: { name: 'mirror', version: '3', title: 'Mirror' },
          instructions: 'Look.',
        },
      });
    }
    const all = new RawMcp(`${manager.url}/mcp`, token);
    expect((await all.initialize()).json).toMatchObject({
      result: { capabilities: { tools: {} }, serverInfo: { name: expect.any(String), version: expect.any(String) } },
    });
  });

  it('[progress.tokens] progress has the token that the client chose, and comes before the answer', async () => {
    for (const [path, name] of [
      ['/mcp/mirror', 'line'],
      ['/mcp', 'mirror_line'],
    ] as const) {
      const mcp = await client(path);
      for (const progressToken of [7, '7', '', 'mirror/1']) {
        const { events } = await mcp.post(rpc(1, 'tools/call', { name, arguments: {}, _meta: { progressToken } }));
        const [one, two, answer, ...more] = messagesOf(events) as { params?: { progressToken: unknown } }[];
        expect([one?.params?.progressToken, two?.params?.progressToken]).toEqual([progressToken, progressToken]);
        expect(answer).toMatchObject({ id: 1, result: {} });
        expect(more).toEqual([]);
      }
    }
  });

  it('[cancel.late] a cancellation of what is over, or never was, is taken and changes nothing', async () => {
    const mcp = await client();
    await mcp.post(callTool(1, 'line'));
    for (const requestId of [1, 99, 'x', 0]) {
      const { status } = await mcp.post({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId } });
      expect(status).toBe(202);
    }
    expect((await mcp.post({ jsonrpc: '2.0', method: 'notifications/cancelled' })).status).toBe(202);
    expect(JSON.parse(textIn(await mcp.post(callTool(2, 'line'))))).toMatchObject({ params: { name: 'line' } });
  });

  it('[pages.opaque] all pages of all servers are reached, by cursors that mean something to nobody else', async () => {
    for (const [path, expected] of [
      ['/mcp/mirror', ['line', 'lines', 'hang']],
      ['/mcp', ['mirror_line', 'mirror_lines', 'mirror_hang', 'counting_echo']],
    ] as const) {
      const mcp = await client(path);
      const names: string[] = [];
      let cursor: string | undefined;
      do {
        const { json } = await mcp.post(rpc(1, 'tools/list', cursor === undefined ? {} : { cursor }));
        const { result } = json as { result: { tools: { name: string }[]; nextCursor?: string } };
        names.push(...result.tools.map(({ name }) => name));
        cursor = result.nextCursor;
      } while (cursor !== undefined);
      expect(names).toEqual(expect.arrayContaining([...expected]));
      expect(new Set(names).size).toBe(names.length);
    }
    const made = await (await client('/mcp')).post(rpc(2, 'tools/list', { cursor: 'made up' }));
    expect(made.json).toMatchObject({ id: 2, error: { code: -32602 } });
  });

  it('[auth.query] a token in a query string is no token', async () => {
    const { token: good } = await manager.open();
    for (const name of ['token', 'access_token', 'authorization']) {
      const mcp = new RawMcp(`${manager.url}/mcp/counting?${name}=${good}`, 'none');
      const answer = await mcp.post(rpc(1, 'ping'), { authorization: undefined });
      expect(answer.status).toBe(401);
      expect(answer.headers.get('www-authenticate')).toContain('Bearer');
    }
  });
});

describe('connect', () => {
  it('[bridge.stdout] writes nothing to stdout that is not a message, whatever it is sent', async () => {
    const env = { ...manager.shellEnv, MCP_SESSION_ID: 'stdout' };
    const bridge = spawn(process.execPath, [MAIN, 'connect', 'mirror'], { env, cwd: manager.workspace });
    const said: string[] = [];
    createInterface({ input: bridge.stdout }).on('line', (line) => said.push(line));
    const ended = new Promise((resolve) => bridge.once('close', resolve));
    const clientInfo = { name: 'raw', version: '1' };
    const sent = [
      'no JSON',
      '[]',
      JSON.stringify(rpc('init', 'initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo })),
      '{"jsonrpc":"2.0","method":"notifications/initialized"}',
      '',
      JSON.stringify(callTool(1, 'line')),
      JSON.stringify(rpc(2, 'no/such')),
    ];
    for (const line of sent) bridge.stdin.write(`${line}\n`);
    const answered = () => said.map((line) => (JSON.parse(line) as { id?: unknown }).id);
    await eventually('all is answered', async () => ['init', 1, 2].every((id) => answered().includes(id)));
    bridge.stdin.end();
    await ended;
    for (const line of said) expect(JSON.parse(line)).toMatchObject({ jsonrpc: '2.0' });
  });
});
