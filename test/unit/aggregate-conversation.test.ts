import { beforeEach, describe, expect, it } from 'vitest';
import { AppError } from '../../src/core/errors.ts';
import { AggregateConversation } from '../../src/gateway/mcp/aggregate/conversation.ts';
import type { IncomingNotice, IncomingRequest } from '../../src/gateway/mcp/incoming.ts';
import type { LiveSession } from '../../src/gateway/mcp/live-session.ts';
import { FakeClock, settle } from '../fakes/fake-clock.ts';
import { FakeLink, FakeSession } from '../fakes/fake-link.ts';
import { FakeReply } from '../fakes/fake-reply.ts';

const down = new AppError('server.failed', 'it is broken');
const changed = '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}';

let clock: FakeClock;
let session: FakeSession;
let live: LiveSession;
let reply: FakeReply;
beforeEach(() => {
  clock = new FakeClock();
  session = new FakeSession(clock, ['files', 'pve']);
  live = { record: session.record, troubles: new Map() } as unknown as LiveSession;
  reply = new FakeReply();
});

const converse = (greeted = false) =>
  new AggregateConversation(
    { reach: session.reach, clock, version: '1.0.0', live },
    { ...session.connection, protocolVersion: '2025-11-25' },
    greeted,
  );
const request = (method: string, params: Record<string, unknown> = {}): IncomingRequest => {
  const message = { jsonrpc: '2.0', id: 1, method, params } as const;
  return { message, payload: JSON.stringify(message), key: 'k' };
};
const notification = (method: string): IncomingNotice => ({
  message: { jsonrpc: '2.0', method },
  payload: '',
  key: 'k',
});
const methods = (name: string) => session.link(name).begun.map(({ message }) => message?.method);

/** Sets which of the session's servers should run. */
function desire(states: Record<string, 'running' | 'stopped'>): void {
  const servers = Object.entries(states).map(([name, desired]) => [
    name,
    { desired, generation: 0, state: { phase: 'pending' } },
  ]);
  live.record = { ...live.record, servers: Object.fromEntries(servers) };
}

describe('a client of all servers', () => {
  it('has a server that was absent initialized in full, once it is there', async () => {
    session.failures.set('pve', down);
    const conversation = converse();
    await conversation.initialize();
    session.failures.clear();
    conversation.request(request('tools/call', { name: 'pve_x' }), reply);
    await settle();
    expect(session.link('pve').opened).toEqual([{ channel: session.connection.id, resume: true }]);
  });

  it('can notify the servers that are up, while another one is down or does not come up', async () => {
    for (const greeting of [Promise.reject(down), new Promise<object>(() => {})]) {
      greeting.catch(() => {});
      session.links.set('files', new FakeLink());
      const conversation = converse(true);
      session.link('pve').greeting = greeting;
      session.link('files').onPost = ({ subscriber }) => subscriber.end('done');
      await conversation.notify(notification('notifications/cancelled'));
      expect(methods('files')).toEqual(['notifications/cancelled']);
    }
  });

  it('is told when nobody could be notified', async () => {
    for (const server of ['files', 'pve']) session.failures.set(server, down);
    await expect(converse(true).notify(notification('notifications/cancelled'))).rejects.toThrow(down);
  });

  it('gets the list of the others, where one server answers with what cannot be written', async () => {
    const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
    for (const [server, tool] of [
      ['files', '{"name":"read"}'],
      ['pve', `{"name":"x","inputSchema":${deep}}`],
    ] as const) {
      session.link(server).onPost = ({ subscriber }) =>
        subscriber.entry(1, Buffer.from(`{"jsonrpc":"2.0","id":1,"result":{"tools":[${tool}]}}`), true, false);
    }
    converse(true).request(request('tools/list'), reply);
    await settle();
    expect(reply.said).toEqual([expect.stringMatching(/"files_read".*unavailable":\{"pve":".*nested too deeply/)]);
  });

  it('has a list that takes too long given up where it is asked for, unless another gateway waits for it', async () => {
    session.link('files').onPost = ({ subscriber, message }) => {
      if (message?.method === 'tools/list')
        subscriber.entry(1, Buffer.from('{"jsonrpc":"2.0","id":1,"result":{"tools":[]}}'), true, false);
    };
    converse(true).request(request('tools/list'), reply);
    await clock.advance(10_000);
    expect(reply.said).toEqual([expect.stringContaining('"pve":"Server')]);
    expect(methods('files')).toEqual(['tools/list']);
    expect(methods('pve')).toEqual(['tools/list', 'notifications/cancelled']);
    const [asked, cancelled] = session.link('pve').begun;
    expect(asked?.left).toBe(true);
    expect(cancelled).toMatchObject({
      message: { params: { requestId: 1 } },
      post: { cancels: 1, unlessFollowed: true },
    });
  });

  it('that comes back for an answer of a server that was stopped is told so, with the id of its request', async () => {
    desire({ files: 'running', pve: 'stopped' });
    session.failures.set('pve', new AppError('server.stopped', 'it is stopped'));
    converse(true).resume({ kind: 'request', server: 'pve', stream: 's', offset: 1, request: 7 }, reply);
    await settle();
    expect(reply.said).toEqual(['<server.stopped 7>']);
    expect(() =>
      converse(true).resume({ kind: 'request', server: 'nobody', stream: 's', offset: 1, request: 7 }, reply),
    ).toThrow('Last-Event-ID');
  });

  it('that listens is told when a server that was absent is there', async () => {
    session.failures.set('pve', down);
    const conversation = converse();
    await conversation.initialize();
    conversation.listen(undefined, reply);
    await clock.advance(120_000);
    expect(reply.said).toEqual([]);
    session.failures.clear();
    await clock.advance(60_000);
    expect(reply.said).toEqual([changed]);
  });

  it('that listens hears a server that was added meanwhile, and is told when one was stopped', async () => {
    const conversation = converse();
    await conversation.initialize();
    conversation.listen(undefined, reply);
    session.links.set('new', new FakeLink());
    desire({ files: 'running', pve: 'running', new: 'running' });
    conversation.changed();
    await settle();
    expect(reply.said).toEqual([changed]);
    session.link('new').say({ method: 'x' }, 4);
    desire({ files: 'running', pve: 'stopped', new: 'running' });
    conversation.changed();
    conversation.changed();
    await settle();
    expect(reply.said).toEqual([changed, '{"jsonrpc":"2.0","method":"x"} #*new:4', changed]);
  });

  it('closes its channels wherever they are', async () => {
    await converse(true).close(); // found in the store: nothing was reached from here
    const conversation = converse();
    await conversation.initialize();
    await conversation.close();
    expect(session.link('files').closed).toHaveLength(2);
    expect(session.link('pve').closed).toHaveLength(2);
  });
});
