import { beforeEach, describe, expect, it } from 'vitest';
import { AppError } from '../../src/core/errors.ts';
import { AggregateConversation } from '../../src/gateway/mcp/aggregate/conversation.ts';
import type { IncomingRequest } from '../../src/gateway/mcp/incoming.ts';
import type { LiveSession } from '../../src/gateway/mcp/live-session.ts';
import { FakeClock, settle } from '../fakes/fake-clock.ts';
import { type Begun, FakeLink, FakeSession } from '../fakes/fake-link.ts';

const PATIENCE_MS = 10_000;

describe('what is answered on the stream of a client of all servers', () => {
  let clock: FakeClock;
  let session: FakeSession;
  let conversation: AggregateConversation;

  beforeEach(() => {
    clock = new FakeClock();
    session = new FakeSession(clock, ['files', 'pve']);
    const live = { record: session.record, troubles: new Map() } as unknown as LiveSession;
    const { reach, connection } = session;
    conversation = new AggregateConversation({ reach, clock, version: '1', live }, connection, true);
  });

  const request = (method: string, params: Record<string, unknown> = {}): IncomingRequest => {
    const message = { jsonrpc: '2.0', id: 1, method, params } as const;
    return { message, payload: JSON.stringify(message), key: 'k' };
  };
  /** What is posted without an id of a method is a message of the gateway's. */
  const told = () => session.link('files').begun.filter(({ message }) => message?.method === undefined);
  const answer = (begun: Begun, result: object) =>
    begun.subscriber.entry(1, Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 1, result })), true, false);

  it('[sse.message] is told, when all servers have answered, before the client hears that it is on its way', async () => {
    const tools: Record<string, string> = { files: 'read', pve: 'start' };
    for (const [name, tool] of Object.entries(tools))
      session.link(name).onPost = (begun) => {
        if (begun.message?.method === undefined) return;
        queueMicrotask(() => answer(begun, { tools: [{ name: tool }] }));
      };
    let isOnItsWay = false;
    const posted = conversation.post(request('tools/list')).then(() => {
      isOnItsWay = true;
    });
    await settle();
    const [message] = told();
    expect(message?.message).toMatchObject({
      id: 1,
      result: { tools: [{ name: 'files_read' }, { name: 'pve_start' }] },
    });
    expect(isOnItsWay).toBe(false);
    message?.subscriber.end('done');
    await posted;
  });

  it('[sse.message] goes to the one server that it is for, and its answer to the stream', async () => {
    await conversation.post(request('tools/call', { name: 'pve_start' }));
    expect(session.link('pve').last).toMatchObject({ out: true, message: { params: { name: 'start' } } });
  });

  it('[sse.message] is told where the instance ended with the call', async () => {
    await conversation.post(request('tools/call', { name: 'pve_start' }));
    const lost = session.link('pve');
    session.links.set('pve', new FakeLink('another'));
    lost.lose();
    await settle();
    expect(told()[0]?.message).toMatchObject({ id: 1, error: { message: expect.stringContaining('unknown') } });
  });

  it('[sse.message] is refused where no server has it, or none can be reached', async () => {
    await expect(conversation.post(request('tools/call', { name: 'none_x' }))).rejects.toMatchObject({
      code: 'params.invalid',
    });
    session.failures.set('pve', new AppError('server.failed', 'it is broken'));
    await expect(conversation.post(request('tools/call', { name: 'pve_x' }))).rejects.toThrow('it is broken');
    expect(told()).toEqual([]);
  });

  it('[sse.adopt] is looked for no more when the gateway ends', async () => {
    await conversation.post(request('tools/call', { name: 'pve_start' }));
    conversation.abandon();
    const lost = session.link('pve');
    const next = new FakeLink();
    session.links.set('pve', next);
    lost.lose();
    await settle();
    expect(next.opened).toEqual([]);
  });

  it('[sse.message] is told once, by another server where the first one takes too long', async () => {
    session.link('pve').onPost = ({ subscriber }) => subscriber.end('done');
    const posted = conversation.tell({ jsonrpc: '2.0', id: 1, result: {} });
    await clock.advance(PATIENCE_MS);
    await posted;
    const silent = session.link('files');
    session.links.set('files', new FakeLink());
    silent.lose();
    await settle();
    expect(told()).toEqual([]);
  });
});
