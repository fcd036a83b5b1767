import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { TestManager } from '../support/manager.ts';
import { type Answer, answerOf, callTool, messagesOf, RawMcp, rpc } from '../support/raw-mcp.ts';
import { RawModern } from '../support/raw-modern.ts';
import { RawSse } from './http-sse-client.ts';

/** Far above the time between two comments, milliseconds. */
const SILENCE_MS = 20_000;

let manager: TestManager;
let token: string;
beforeAll(async () => {
  manager = await TestManager.start({
    env: {
      MCP_SESSION_MANAGER_STREAM_AFTER: '100ms',
      MCP_SESSION_MANAGER_STREAM_HEARTBEAT: '1s',
      MCP_SESSION_MANAGER_STREAM_RETRY: '700ms',
    },
  });
  ({ token } = await manager.open());
});
afterAll(() => manager[Symbol.asyncDispose]());

/** The text of a stream up to where it matches; then it is broken off. */
async function textUntil(response: Response, pattern: RegExp): Promise<string> {
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const late = setTimeout(() => void reader.cancel('too late'), SILENCE_MS);
  let text = '';
  for (let done = false; !done && !pattern.test(text); ) {
    const part = await reader.read();
    done = part.done;
    text += Buffer.from(part.value ?? []).toString();
  }
  clearTimeout(late);
  await reader.cancel();
  return text;
}

async function legacy(): Promise<RawMcp> {
  const mcp = new RawMcp(`${manager.url}/mcp/counting`, token);
  await mcp.initialize();
  return mcp;
}
const modern = () => new RawModern(`${manager.url}/mcp/counting`, token);

describe('every stream', () => {
  const STREAMS: Readonly<Record<string, () => Promise<Response>>> = {
    'a call of 2025-11-25': async () => (await legacy()).send('POST', callTool(1, 'sleep', { seconds: 5 })),
    'a GET of 2025-11-25': async () => (await legacy()).send('GET', undefined),
    'a call of 2026-07-28': async () => modern().send(modern().call(1, 'sleep', { seconds: 5 })),
    'a subscription of 2026-07-28': async () =>
      modern().send(modern().request(1, 'subscriptions/listen', { notifications: { toolsListChanged: true } })),
    'an /sse of 2024-11-05': () =>
      fetch(`${manager.url}/sse/counting`, {
        headers: { authorization: `Bearer ${token}`, accept: 'text/event-stream' },
      }),
  };
  const NAMES = Object.keys(STREAMS);
  it.each(NAMES)('[wire.streams] %s is not buffered, stays alive, and says when to come back', async (name) => {
    const response = await (STREAMS[name] as () => Promise<Response>)();
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    expect(response.headers.get('x-accel-buffering')).toBe('no');
    expect(response.headers.get('cache-control')).toContain('no-cache');
    // The first is at its beginning: the second is the heart's.
    const text = await textUntil(response, /^:(?:.|\n)*^:/m);
    expect(text).toMatch(/^:(?:.|\n)*^:/m);
    expect(text).toMatch(/^retry: 700$/m);
  });
});

describe('every error for a request whose body was read', () => {
  const id = 'its own id';
  const CASES: Readonly<Record<string, readonly [status: number, () => Promise<Answer | Response>]>> = {
    'without a connection': [
      400,
      async () => (await legacy()).post(rpc(id, 'tools/list'), { 'mcp-session-id': undefined }),
    ],
    'of a connection that is over': [
      404,
      async () => {
        const mcp = await legacy();
        await mcp.send('DELETE', undefined);
        return mcp.post(rpc(id, 'tools/list'));
      },
    ],
    'of a connection that never was': [
      404,
      async () => (await legacy()).post(rpc(id, 'tools/list'), { 'mcp-session-id': 'x' }),
    ],
    'of an unsupported version': [
      400,
      async () => (await legacy()).post(rpc(id, 'tools/list'), { 'mcp-protocol-version': '1.0' }),
    ],
    'for a server that is not there': [
      404,
      () =>
        new RawMcp(`${manager.url}/mcp/nowhere`, token).post(
          rpc(id, 'initialize', { protocolVersion: '2025-11-25', capabilities: {} }),
        ),
    ],
    'of a session that was ended': [
      404,
      async () => {
        const opened = await manager.open();
        const mcp = new RawMcp(`${manager.url}/mcp/counting`, opened.token);
        await mcp.initialize();
        await manager.api('DELETE', `/api/sessions/${opened.session.id}`);
        return mcp.post(rpc(id, 'tools/list'));
      },
    ],
    'of 2026-07-28 with other headers': [
      400,
      () => modern().post(modern().request(id, 'tools/list'), { 'mcp-method': 'x' }),
    ],
    'of 2026-07-28 for an unknown method': [404, () => modern().post(modern().request(id, 'no/such'))],
    'of 2026-07-28 for a server that is not there': [
      404,
      () => new RawModern(`${manager.url}/mcp/nowhere`, token).post(modern().request(id, 'tools/list')),
    ],
    'of 2026-07-28 of a session that was ended': [
      404,
      async () => {
        const opened = await manager.open();
        await manager.api('DELETE', `/api/sessions/${opened.session.id}`);
        const mcp = new RawModern(`${manager.url}/mcp/counting`, opened.token);
        return mcp.post(mcp.request(id, 'tools/list'));
      },
    ],
    'of 2024-11-05 for a stream that never was': [
      404,
      async () => {
        using sse = await RawSse.open(`${manager.url}/sse/counting`, token);
        return sse.post(rpc(id, 'tools/list'), undefined, '/messages/?session_id=none');
      },
    ],
    'of 2024-11-05 before "initialize"': [
      404,
      async () => {
        using sse = await RawSse.open(`${manager.url}/sse/counting`, token);
        return sse.post(rpc(id, 'tools/list'));
      },
    ],
  };
  const NAMES = Object.keys(CASES);
  it.each(NAMES)('[wire.id] %s has its id', async (name) => {
    const [status, provoke] = CASES[name] as (typeof CASES)[string];
    const answer = await provoke();
    expect(answer.status).toBe(status);
    const body = answer instanceof Response ? await answer.json() : answer.json;
    expect(body).toMatchObject({
      jsonrpc: '2.0',
      id,
      error: { code: expect.any(Number), message: expect.any(String) },
    });
  });

  it('[wire.id] of a server that is stopped is an answer, with the id, in every revision', async () => {
    const opened = await manager.open();
    const mcp = new RawMcp(`${manager.url}/mcp/counting`, opened.token);
    await mcp.initialize();
    const newer = new RawModern(mcp.url, opened.token);
    await manager.api('POST', `/api/sessions/${opened.session.id}/servers/counting/stop`);
    const stopped = { id, error: { message: expect.stringContaining('start counting') } };
    expect(await mcp.post(rpc(id, 'tools/list'))).toMatchObject({ status: 200, json: stopped });
    expect(await newer.post(newer.request(id, 'tools/list'))).toMatchObject({ status: 200, json: stopped });
  });
});

describe('a request that was held for as long as it may be', () => {
  it('[wire.id] gets 503 with Retry-After and its id, in every revision', async () => {
    const never = { command: 'node', args: ['-e', 'setInterval(() => {}, 1000)'] };
    await using slow = await TestManager.start({
      servers: { never },
      env: { MCP_SESSION_MANAGER_HOLD_DEADLINE: '1s', MCP_SESSION_MANAGER_STREAM_AFTER: '30s' },
    });
    const { token: own } = await slow.open({ servers: ['never'] });
    const url = `${slow.url}/mcp/never`;
    const newer = new RawModern(url, own);
    using sse = await RawSse.open(`${slow.url}/sse/never`, own);
    const initialize = rpc('held', 'initialize', { protocolVersion: '2025-11-25', capabilities: {} });
    const held = { id: 'held', error: { code: expect.any(Number), message: expect.stringContaining('never') } };
    for (const answer of [
      await new RawMcp(url, own).post(initialize),
      await newer.post(newer.request('held', 'tools/list')),
      await answerOf(await sse.post(initialize)),
    ]) {
      expect(answer).toMatchObject({ status: 503, json: held });
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    }
  });
});

describe('what a server answers with an error', () => {
  it('[wire.id] is answered with 200 and the id, also where all servers were asked', async () => {
    const all = new RawMcp(`${manager.url}/mcp`, token);
    await all.initialize();
    const { status, json, events } = await all.post(rpc('level', 'logging/setLevel', { level: 'loud' }));
    expect(status).toBe(200);
    expect(messagesOf(events).at(-1) ?? json).toMatchObject({
      id: 'level',
      error: { code: expect.any(Number), message: expect.stringContaining('level') },
    });
  });
});

describe('a stream of 2026-07-28 that cannot go on', () => {
  /** A call that runs, whose answer has begun to be a stream. */
  async function begun() {
    const { session, token: own } = await manager.open();
    const mcp = new RawModern(`${manager.url}/mcp/counting`, own);
    const before = manager.count('sleep');
    const response = await mcp.send(mcp.call('cut', 'sleep', { seconds: 6 }));
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    await eventually('it runs', async () => manager.count('sleep') > before);
    return { session: session.id, mcp, response, before };
  }
  async function lastOf(response: Response): Promise<object | undefined> {
    const text = await textUntil(response, /^data: .+\n\n$/m);
    return messagesOf([{ data: /^data: (.+)$/m.exec(text)?.[1] ?? '' }])[0];
  }

  it('[wire.cut] ends with an error when its instance is killed', async () => {
    const { session, response } = await begun();
    process.kill(Number((await manager.view(session)).servers[0]?.instance), 'SIGKILL');
    const unknown = { code: -33017, message: expect.stringContaining('unknown') };
    expect(await lastOf(response)).toMatchObject({ id: 'cut', error: unknown });
  });

  it('[wire.cut] ends with an error when its session is ended', async () => {
    const { session, response } = await begun();
    await manager.api('DELETE', `/api/sessions/${session}`);
    expect(await lastOf(response)).toMatchObject({ id: 'cut', error: { message: expect.stringContaining('init') } });
  });

  it('[wire.cut] ends with a result to come back with when its gateway ends, and runs on meanwhile', async () => {
    const { mcp, response, before } = await begun();
    const stopped = manager.kill('SIGTERM');
    const said = (await lastOf(response)) as { result: { requestState: string } };
    expect(said).toMatchObject({
      id: 'cut',
      result: { resultType: 'input_required', requestState: expect.any(String) },
    });
    await stopped;
    await manager.start();
    const { params, ...request } = mcp.call('again', 'sleep', { seconds: 6 });
    const retry = { ...request, params: { ...params, requestState: said.result.requestState } };
    const there = new RawModern(`${manager.url}/mcp/counting`, mcp.token);
    const { json, events } = await there.post(retry);
    expect(events.length > 0 ? messagesOf(events).at(-1) : json).toMatchObject({
      id: 'again',
      result: { content: [{ text: 'slept 6' }] },
    });
    expect(manager.count('sleep')).toBe(before + 1);
  });
});
