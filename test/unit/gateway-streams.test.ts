import { beforeEach, describe, expect, it } from 'vitest';
import { AppError } from '../../src/core/errors.ts';
import { HostRefused } from '../../src/core/host-link.ts';
import { translator } from '../../src/gateway/mcp/aggregate/translate.ts';
import { RequestStream } from '../../src/gateway/mcp/request-stream.ts';
import { StandaloneStream } from '../../src/gateway/mcp/standalone-stream.ts';
import type { Target } from '../../src/gateway/mcp/target.ts';
import { FakeClock, settle } from '../fakes/fake-clock.ts';
import { FakeLink, FakeSession } from '../fakes/fake-link.ts';
import { FakeReply } from '../fakes/fake-reply.ts';

const DEEP = `{"jsonrpc":"2.0","method":"notifications/message","params":{"data":${'['.repeat(20_000)}${']'.repeat(20_000)}}}`;
const REQUEST = {
  message: { jsonrpc: '2.0', id: 7, method: 'tools/call' },
  payload: '{"id":7,"method":"tools/call"}',
  key: 'k',
} as const;

let clock: FakeClock;
let session: FakeSession;
let target: Target;
let reply: FakeReply;
beforeEach(() => {
  clock = new FakeClock();
  session = new FakeSession(clock);
  target = session.target();
  reply = new FakeReply();
});

describe("a request's stream", () => {
  async function post(translate?: ReturnType<typeof translator>): Promise<FakeLink> {
    new RequestStream(session.reach, target, reply, translate).post(REQUEST, '2025-11-25');
    await settle();
    return session.link();
  }

  it('answers', async () => {
    const link = await post();
    link.say('{"id":7}', 3, true);
    expect(reply.said).toEqual(['{"id":7} #files.k.3.Nw!']);
  });

  it('leaves the rest in the host while the client reads slowly, however often', async () => {
    const link = await post();
    for (let offset = 1; offset <= 20; offset++) {
      reply.congested = true;
      link.say('{}', offset);
      expect(() => link.last).toThrow('nothing was begun');
      reply.drain();
      expect(link.last.from).toBe(offset);
    }
    expect(reply.said).toHaveLength(20);
    expect(reply.closers.length).toBeLessThan(3);
    reply.close();
    expect(() => link.last).toThrow('nothing was begun');
  });

  it('of a client that has gone before is not begun', async () => {
    reply.close();
    await post();
    expect(session.link().begun).toEqual([]);
  });

  it('fails with the id of its request', async () => {
    const link = await post();
    link.last.subscriber.failed(new HostRefused('gap', 'gone'));
    expect(reply.said).toEqual(['<call.result-gone 7>']);
  });

  it('leaves out what cannot be written again, and answers all the same', async () => {
    const link = await post(translator('files'));
    link.say(DEEP, 1);
    link.say('{"jsonrpc":"2.0","id":7,"result":{}}', 2, true);
    expect(reply.said).toEqual(['{"jsonrpc":"2.0","id":7,"result":{}} #files.k.2.Nw!']);
  });

  it('whose answer cannot be written again fails', async () => {
    const link = await post(translator('files'));
    const content = `[{"type":"resource_link","uri":"x://1","x":${'['.repeat(20_000)}${']'.repeat(20_000)}}]`;
    link.say(`{"jsonrpc":"2.0","id":7,"result":{"content":${content}}}`, 2, true);
    expect(reply.said).toEqual(['<upstream.failed 7>']);
  });
});

describe('a standalone stream', () => {
  const changed = '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}';
  const listen = async (offsets?: Map<string, number>) => {
    const stream = new StandaloneStream(session.reach, reply, clock, offsets);
    stream.add(target);
    await settle();
    return stream;
  };

  it('goes on behind what the client has', async () => {
    await listen(new Map([['files', 4]]));
    expect(session.link().last.from).toBe(4);
    session.link().say('{}', 5);
    expect(reply.said).toEqual(['{} #*files:5']);
  });

  it('that has ended takes nothing for had by its client', async () => {
    await listen();
    const { subscriber } = session.link().last;
    expect(subscriber.entry(1, Buffer.from('{}'), false, false)).toBe(true);
    reply.closed = true; // its end has not arrived yet
    expect(subscriber.entry(2, Buffer.from('{}'), false, false)).toBe(false);
    expect(reply.said).toHaveLength(1);
  });

  it('says that lists may have changed, where the server is in another instance', async () => {
    await listen();
    const first = session.link();
    first.say('{}', 5);
    session.links.set('files', new FakeLink('another'));
    first.lose();
    await settle();
    expect(reply.said).toEqual(['{} #*files:5', changed]);
    expect(session.link().last.from).toBeUndefined();
  });

  it('says so too where finding it took longer than anybody waits', async () => {
    await listen();
    session.failures.set('files', new AppError('server.failed', 'not now'));
    session.link().lose();
    await clock.advance(120_000);
    session.failures.clear();
    session.links.set('files', new FakeLink('another'));
    await clock.advance(60_000);
    expect(reply.said).toEqual([changed]);
  });

  it('loses nothing where the host was there all the time, and the way to it was not', async () => {
    await listen();
    session.link().say('{}', 5);
    session.failures.set('files', new AppError('store.unavailable', 'not now'));
    session.link().lose();
    await clock.advance(120_000);
    session.failures.clear();
    session.links.set('files', new FakeLink());
    await clock.advance(60_000);
    expect(session.link().last.from).toBe(5);
    expect(reply.said).toEqual(['{} #*files:5']);
  });

  it('calls what is no longer kept a change, and goes on', async () => {
    await listen(new Map([['files', 4]]));
    session.link().begun[0]?.subscriber.failed(new HostRefused('gap', 'gone'));
    await settle();
    expect(reply.said).toEqual([changed]);
    expect(session.link().last.from).toBeUndefined();
  });

  it('ends with its session, and with its connection', async () => {
    for (const code of ['session.over', 'connection.over'] as const) {
      session.failures.set('files', new AppError(code, 'over'));
      target = session.target();
      await listen();
    }
    expect(reply.said).toEqual(['<end>', '<end>']);
  });

  it('of a client that has gone takes nothing', async () => {
    reply.close();
    await listen();
    expect(session.link().begun).toEqual([]);
  });

  it('leaves out what cannot be written again, and goes on', async () => {
    new StandaloneStream(session.reach, reply, clock).add(target, translator('files'));
    await settle();
    session.link().say(DEEP, 1);
    session.link().say({ method: 'notifications/tools/list_changed' }, 2);
    expect(reply.said).toEqual([`${changed} #*files:2`]);
  });

  it('holds nothing of the attempts that are over', async () => {
    await listen();
    for (let n = 0; n < 20; n++) {
      const link = session.link();
      session.links.set('files', new FakeLink(`${n}`));
      link.lose();
      await clock.advance(60_000);
    }
    expect(reply.closers.length).toBeLessThan(3);
    reply.close();
    expect(session.link().begun.every(({ left }) => left)).toBe(true);
  });
});
