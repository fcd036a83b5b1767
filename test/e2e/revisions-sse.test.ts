import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { TestManager } from '../support/manager.ts';
import { callTool, rpc } from '../support/raw-mcp.ts';
import { RawSse } from './http-sse-client.ts';

let manager: TestManager;
beforeAll(async () => {
  manager = await TestManager.start();
});
afterAll(() => manager[Symbol.asyncDispose]());

/** A stream on a session of its own. */
async function open(path = '/sse/counting'): Promise<RawSse> {
  const { token } = await manager.open();
  return RawSse.open(`${manager.url}${path}`, token);
}

describe('HTTP+SSE', () => {
  it('[sse.origin] is closed to foreign origins, at both endpoints', async () => {
    using stream = await open();
    const authorization = `Bearer ${stream.token}`;
    for (const origin of ['http://evil.example', 'null', 'http://127.0.0.1.evil.example']) {
      const headers = { authorization, origin, accept: 'text/event-stream', 'content-type': 'application/json' };
      expect((await fetch(`${manager.url}/sse/counting`, { headers })).status).toBe(403);
      const body = JSON.stringify(rpc(1, 'ping'));
      const posted = await fetch(new URL(stream.endpoint ?? '', manager.url), { method: 'POST', headers, body });
      expect(posted.status).toBe(403);
    }
    expect(stream.messages).toEqual([]);
  });

  it('[sse.lifecycle] answers each version that it speaks with itself, and any other with one that it speaks', async () => {
    for (const [asked, answered] of [
      ['2024-11-05', '2024-11-05'],
      ['2025-11-25', '2025-11-25'],
      ['1999-01-01', expect.stringMatching(/^20\d\d-\d\d-\d\d$/)],
    ] as const) {
      using stream = await open();
      expect((await stream.initialize(asked)).result).toMatchObject({
        protocolVersion: answered,
        capabilities: { tools: {}, logging: {} },
        serverInfo: { name: 'counting', version: '1.0.0' },
      });
      expect((await stream.ask(callTool(1, 'echo', { text: 'x' }))).result).toMatchObject({ content: [{ text: 'x' }] });
    }
  });

  it('[sse.utilities] a ping is answered at once with an empty result', async () => {
    using stream = await open();
    await stream.initialize();
    expect(await stream.ask(rpc('p', 'ping'))).toEqual({ jsonrpc: '2.0', id: 'p', result: {} });
  });

  it('[sse.utilities] progress has the token of its call, and comes before the answer', async () => {
    using stream = await open();
    await stream.initialize();
    const params = { name: 'notify', arguments: { n: 3 }, _meta: { progressToken: 'mine' } };
    await stream.ask(rpc(5, 'tools/call', params));
    const own = stream.messages.filter(({ id, method }) => id === 5 || method === 'notifications/progress');
    expect(own.map(({ params: said }) => said?.progressToken)).toEqual(['mine', 'mine', 'mine', undefined]);
  });

  it('[sse.utilities] a call that is cancelled gets no answer, and what comes too late changes nothing', async () => {
    using stream = await open();
    await stream.initialize();
    const before = manager.count('sleep');
    expect((await stream.post(callTool(1, 'sleep', { seconds: 30 }))).status).toBe(202);
    await eventually('it runs', async () => manager.count('sleep') > before);
    const cancel = (requestId: unknown) =>
      stream.post({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId } });
    expect((await cancel(1)).status).toBe(202);
    expect((await cancel('never')).status).toBe(202);
    await stream.ask(callTool(2, 'echo', { text: 'x' }));
    expect(stream.messages.filter(({ id }) => id === 1)).toEqual([]);
  });
});
