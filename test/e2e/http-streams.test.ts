import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { TestManager } from '../support/manager.ts';
import { answerOf, callTool, messagesOf, RawMcp, readUntil } from '../support/raw-mcp.ts';

let manager: TestManager;
let token: string;
let mcp: RawMcp;
beforeAll(async () => {
  manager = await TestManager.start({ env: { MCP_SESSION_MANAGER_STREAM_AFTER: '200ms' } });
  ({ token } = await manager.open());
});
afterAll(() => manager[Symbol.asyncDispose]());
beforeEach(async () => {
  mcp = new RawMcp(`${manager.url}/mcp/counting`, token);
  await mcp.initialize();
});

describe('an answer that takes long', () => {
  it('[post.priming] begins a stream when the answer takes long, before there is a message', async () => {
    const response = await mcp.send('POST', callTool(1, 'sleep', { seconds: 1.5 }));
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    const events = await readUntil(response, () => false);
    expect(messagesOf(events)).toMatchObject([{ id: 1 }]);
    expect(events[0]).toMatchObject({ id: expect.any(String), data: '' });
  });

  it('[post.priming] leaves the empty event out for clients that would take it for a message', async () => {
    await mcp.initialize('2025-06-18');
    const { events } = await mcp.post(callTool(1, 'sleep', { seconds: 1.5 }));
    expect(events[0]).toEqual({ retry: '5000' });
    expect(messagesOf(events)).toMatchObject([{ id: 1 }]);
  });

  it('[once] runs a call once, however often it is sent with one key', async () => {
    const before = manager.count('sleep');
    const body = callTool(1, 'sleep', { seconds: 1 });
    const again = () => mcp.post(body, { 'idempotency-key': 'the-key' });
    const answers = await Promise.all([again(), again(), again()]);
    const late = await again();
    expect(manager.count('sleep')).toBe(before + 1);
    // The one that came last while it ran, and the one after it, have the answer; the others' streams were taken over.
    expect(messagesOf(late.events).at(-1) ?? late.json).toMatchObject({ id: 1, result: {} });
    expect(answers.flatMap(({ events }) => messagesOf(events))).toHaveLength(1);
    expect((await mcp.post(callTool(2, 'echo', { text: 'z' }), { 'idempotency-key': 'the-key' })).status).toBe(422);
    const other = await mcp.post(callTool(1, 'sleep', { seconds: 0 }), { 'idempotency-key': 'the-key' });
    expect(other).toMatchObject({ status: 422, json: { id: 1, error: { code: -33012 } } });
  });

  it('[cancel] ends the stream of a cancelled request without an answer', async () => {
    const before = manager.count('sleep');
    const running = await mcp.send('POST', callTool(1, 'sleep', { seconds: 30 })); // the stream has begun
    await eventually('it runs', async () => manager.count('sleep') > before);
    await mcp.post({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } });
    const { status, events } = await answerOf(running);
    expect(status).toBe(200);
    expect(messagesOf(events)).toEqual([]);
  });

  it('[resume.exact] goes on with a call that still runs', async () => {
    const running = await mcp.send('POST', callTool(1, 'sleep', { seconds: 1.5 }));
    const [primer] = await readUntil(running, () => true);
    const resumed = await mcp.send('GET', undefined, { 'last-event-id': primer?.id });
    expect(messagesOf(await readUntil(resumed, () => false))).toMatchObject([{ id: 1, result: {} }]);
  });
});
