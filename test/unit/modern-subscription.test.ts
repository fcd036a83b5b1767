import { beforeEach, describe, expect, it } from 'vitest';
import { Heart } from '../../src/gateway/mcp/heart.ts';
import { Subscription } from '../../src/gateway/mcp/modern/subscription.ts';
import { settle } from '../fakes/fake-clock.ts';
import { FakeReply } from '../fakes/fake-reply.ts';

const ID = { 'io.modelcontextprotocol/subscriptionId': 'sub' };
const FILTER = { lists: new Set(['tools']), uris: ['a://x'] };

let heart: Heart;
let out: FakeReply;
let resyncs: number;
let subscription: Subscription;
beforeEach(() => {
  heart = new Heart(1000);
  out = new FakeReply();
  resyncs = 0;
  const onResync = () => {
    resyncs += 1;
  };
  subscription = new Subscription({ out, heart, id: 'sub', serverInfo: () => undefined, onResync });
  return () => heart[Symbol.dispose]();
});

const id = () => '*files:1';
/** @param own it is a message of the gateway's, which has no place in any stream */
const say = (method: string, params?: object, own = false) =>
  subscription.send(Buffer.from(JSON.stringify({ jsonrpc: '2.0', method, params })), own ? undefined : id);
const said = () => out.said.map((text) => JSON.parse(text.replace(/!$/, '')));
const methods = () => said().map(({ method }) => method);

describe('a subscription', () => {
  it('[modern.listen.first] begins with what it tells of, and keeps until then what comes', () => {
    say('notifications/tools/list_changed');
    expect(out.said).toEqual([]);
    subscription.acknowledge(FILTER);
    expect(said()).toMatchObject([
      {
        method: 'notifications/subscriptions/acknowledged',
        params: { notifications: { toolsListChanged: true, resourceSubscriptions: ['a://x'] }, _meta: ID },
      },
      { method: 'notifications/tools/list_changed', params: { _meta: ID } },
    ]);
  });

  it('tells once what came too often to be kept until then', () => {
    for (let n = 0; n < 10_000; n++) say('notifications/resources/updated', { uri: `a://x/${n}` });
    subscription.acknowledge(FILTER);
    expect(methods().slice(1)).toEqual(['notifications/tools/list_changed', 'notifications/resources/updated']);
    expect(said()[2]).toMatchObject({ params: { uri: 'a://x', _meta: ID } });
  });

  it('leaves out a message that cannot be written again', () => {
    subscription.acknowledge(FILTER);
    out.said.length = 0;
    const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
    const params = `{"uri":"a://x","deep":${deep}}`;
    subscription.send(
      Buffer.from(`{"jsonrpc":"2.0","method":"notifications/resources/updated","params":${params}}`),
      id,
    );
    say('notifications/resources/updated', { uri: 'a://x' });
    expect(out.said).toHaveLength(1);
  });

  it('[modern.listen.filter] [modern.listen.id] tells of nothing else, and asks nobody', () => {
    subscription.acknowledge(FILTER);
    out.said.length = 0;
    say('notifications/prompts/list_changed', {});
    say('notifications/resources/updated', { uri: 'a://y' });
    say('notifications/message', { level: 'error', data: '' });
    subscription.send(Buffer.from('{"jsonrpc":"2.0","id":1,"method":"elicitation/create"}'), id);
    expect(out.said).toEqual([]);
    say('notifications/resources/updated', { uri: 'a://x', _meta: { own: 1 } });
    expect(said()).toMatchObject([{ params: { uri: 'a://x', _meta: { own: 1, ...ID } } }]);
  });

  it('of a server that was started anew is taken out again, and what may have changed is told', () => {
    subscription.acknowledge(FILTER);
    out.said.length = 0;
    say('notifications/tools/list_changed', undefined, true);
    say('notifications/resources/list_changed', undefined, true);
    expect(resyncs).toBe(1);
    expect(methods()).toEqual(['notifications/tools/list_changed', 'notifications/resources/updated']);
  });

  it('[modern.listen.end] says that it ends, when this gateway does', async () => {
    subscription.acknowledge(FILTER);
    out.said.length = 0;
    heart.endAll();
    expect(said()).toMatchObject([
      { method: 'notifications/cancelled', params: { requestId: 'sub', _meta: ID } },
      { id: 'sub', result: { resultType: 'complete', _meta: ID } },
    ]);
    expect(out.said.at(-1)).toMatch(/!$/);
    const late = new FakeReply();
    new Subscription({ out: late, heart, id: 'late', serverInfo: () => undefined, onResync: () => {} });
    await settle();
    expect(late.said).toHaveLength(1);
  });
});
