import { expect, it } from 'vitest';
import { AppError } from '../../src/core/errors.ts';
import { Connections, type ConnectionsOptions } from '../../src/gateway/mcp/connections.ts';
import type { LiveSession } from '../../src/gateway/mcp/live-session.ts';
import { virtualConnection } from '../../src/gateway/mcp/modern/virtual-connection.ts';
import type { Reach } from '../../src/gateway/mcp/reach.ts';
import { StandaloneStream } from '../../src/gateway/mcp/standalone-stream.ts';
import { FakeClock, settle } from '../fakes/fake-clock.ts';
import { FakeSession } from '../fakes/fake-link.ts';
import { FakeReply } from '../fakes/fake-reply.ts';

/** A session with one server, and what gives the connection of a client, which `reply` answers: at once, if it is not given. */
function session() {
  const reach = {
    closed: [] as string[],
    close: async ({ connection }: { connection: string }) => void reach.closed.push(connection),
  };
  const options = { reach: reach as unknown as Reach, clock: new FakeClock(), version: '1' };
  const connections = new Connections(options as unknown as ConnectionsOptions);
  const record = { id: 's', nonce: 'n', createdAt: 0, servers: { files: { desired: 'running' } } };
  const live = { record, conversations: new Map() } as unknown as LiveSession;
  const use = (name: string, server = 'files', reply?: FakeReply) => {
    const client = { info: { name }, capabilities: {}, logLevel: undefined };
    const answered = new FakeReply();
    const conversation = connections.virtual(live, virtualConnection(record, server, client), reply ?? answered);
    answered.close();
    return conversation;
  };
  return { live, use, reach };
}

it('of clients that say ever new things of themselves the one that was not seen for longest is forgotten', () => {
  const { live, use } = session();
  const first = use('0');
  const second = use('1');
  live.conversations.set('a'.repeat(32), first); // one that its client opened is never among them
  for (let n = 2; n < 100; n++) use(String(n));
  expect(use('0')).toBe(first);
  use('100');
  expect(live.conversations.has(second.record.id)).toBe(false);
  expect(live.conversations.size).toBe(101);
  expect(() => use('0', 'nothing')).toThrow(AppError);
});

it('one that waits for an answer is not, and so many may wait at once', () => {
  const { live, use, reach } = session();
  const waiting = new FakeReply();
  const first = use('0', 'files', waiting);
  for (let n = 1; n < 150; n++) use(String(n));
  expect(use('0')).toBe(first);
  for (let n = 1; n < 100; n++) use(`waits ${n}`, 'files', new FakeReply());
  expect(() => use('one more')).toThrow('100');
  waiting.close();
  use('one more');
  expect(live.conversations.has(first.record.id)).toBe(false);
  expect(reach.closed).toEqual([]); // another gateway may have something running there
});

it('[modern.listen.filter] who listens beside others is told to look again when the link was lost', async () => {
  const clock = new FakeClock();
  const session = new FakeSession(clock);
  const reply = new FakeReply();
  const target = session.target();
  new StandaloneStream(session.reach, reply, clock, new Map(), 'share').add(target);
  await settle();
  target.facts = { capabilities: { tools: {} } };
  session.link().say('{"method":"a"}', 3);
  expect(reply.said).toEqual(['{"method":"a"} #*files:3']);
  reply.congested = true;
  session.link().say('{"method":"b"}', 4);
  reply.drain();
  await settle();
  expect(reply.said.slice(2)).toEqual(['{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}']);
});
