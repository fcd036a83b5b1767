import { beforeEach, describe, expect, it } from 'vitest';
import { AppError } from '../../src/core/errors.ts';
import type { RpcMessage, RpcRequest } from '../../src/core/json-rpc.ts';
import type { Conversation } from '../../src/gateway/mcp/conversation.ts';
import type { Fields } from '../../src/gateway/mcp/fields.ts';
import { Heart } from '../../src/gateway/mcp/heart.ts';
import type { IncomingNotice } from '../../src/gateway/mcp/incoming.ts';
import { incomingOf, newCall } from '../../src/gateway/mcp/modern/call.ts';
import { CallReply } from '../../src/gateway/mcp/modern/call-reply.ts';
import type { CallState } from '../../src/gateway/mcp/modern/request-state.ts';
import { FakeClock, settle } from '../fakes/fake-clock.ts';
import { FakeReply } from '../fakes/fake-reply.ts';

const CLIENT = { info: {}, capabilities: { elicitation: {} }, logLevel: 'warning' };
const FORM = { message: 'What?', requestedSchema: {} };

/** What a reply has a server told. */
class FakeConversation {
  readonly record = { id: 'm-1' };
  readonly serverInfo = { name: 'fake', version: '1' };
  readonly told: IncomingNotice[] = [];
  readonly cancelled: unknown[] = [];
  /** Of each, whether only if nobody follows it. */
  readonly unlessFollowed: boolean[] = [];
  onCancel = () => {};

  async notify(incoming: IncomingNotice): Promise<void> {
    this.told.push(incoming);
  }
  async cancel({ request }: { request: unknown }, _reason: string, unlessFollowed: boolean): Promise<void> {
    this.cancelled.push(request);
    this.unlessFollowed.push(unlessFollowed);
    this.onCancel();
  }
}

let clock: FakeClock;
let heart: Heart;
let out: FakeReply;
let server: FakeConversation;
beforeEach(() => {
  clock = new FakeClock();
  heart = new Heart(1000);
  out = new FakeReply();
  server = new FakeConversation();
  return () => heart[Symbol.dispose]();
});

/** A request of the client, posted to the host, with its answers; `from`: where it goes on. */
function call(method = 'tools/call', params: Fields = {}, answers: Record<string, Fields> = {}, from?: CallState) {
  const request: RpcRequest = { jsonrpc: '2.0', id: 7, method, params };
  const asked = newCall(request, CLIENT, { key: 'key' });
  const reply = new CallReply({
    ...{ out, heart, clock, from, call: asked },
    conversation: server as unknown as Conversation,
    answers: new Map(Object.entries(answers)),
    seal: (state) => JSON.stringify(state),
  });
  reply.primer = () => 'files.key.0.Nw';
  reply.posted();
  let offset = 0;
  const say = (message: object, last = false): void => {
    const at = ++offset;
    const id = () => `files.key.${at}.Nw`;
    reply.send(Buffer.from(JSON.stringify({ jsonrpc: '2.0', ...message })), last ? undefined : id, last);
  };
  return { reply, say, serverId: asked.serverId };
}

const encodedId = (id: string): string => Buffer.from(JSON.stringify(id)).toString('base64url');
/** As deep as can be read, but not written again. */
const DEEP = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
const said = (): (RpcMessage & { result?: Fields; error?: Fields })[] =>
  out.said.map((text) => JSON.parse(text.replace(/!$/, '')));
const stateIn = (): CallState => JSON.parse(said().at(-1)?.result?.requestState as string) as CallState;

describe('a call of a client of 2026-07-28', () => {
  it('reaches the server without what only the gateway is meant to read', () => {
    const _meta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', traceparent: 't', progressToken: 1 };
    const params = { name: 'echo', _meta, inputResponses: {}, requestState: 's' };
    const request: RpcRequest = { jsonrpc: '2.0', id: 1, method: 'tools/call', params };
    const own = newCall(request, CLIENT, { key: 'key' });
    const { message, payload } = incomingOf(own, JSON.stringify(request));
    expect(message.params).toEqual({ name: 'echo', _meta: { traceparent: 't', progressToken: own.serverId } });
    expect(message.id).toBe(own.serverId);
    expect(JSON.parse(String(payload))).toEqual(message);
  });

  it('has an id of its own for each client, and the same when it is repeated', () => {
    const of = (id: number, key: string) =>
      newCall({ jsonrpc: '2.0', id, method: 'tools/call' }, CLIENT, { key }).serverId;
    expect(of(1, 'a')).toBe(of(1, 'a'));
    expect(new Set([of(1, 'a'), of(2, 'a'), of(1, 'b')]).size).toBe(3);
  });

  it('[modern.result-type] is answered with a result that says what it is', () => {
    const { say } = call();
    say({ id: 'x', result: { content: [], _meta: { own: 1 } } }, true);
    expect(said()).toEqual([
      {
        ...{ jsonrpc: '2.0', id: 7 },
        result: {
          ...{ content: [], resultType: 'complete' },
          _meta: { own: 1, 'io.modelcontextprotocol/serverInfo': server.serverInfo },
        },
      },
    ]);
  });

  it('is answered with the result to the last digit, and with its last id', () => {
    const { reply } = call();
    const result = '{"structuredContent":{"id":12345678901234567890},"content":[]}';
    reply.send(Buffer.from(`{"jsonrpc":"2.0","id":"x","result":${result}}`), undefined, true);
    expect(out.said[0]).toContain('"structuredContent":{"id":12345678901234567890}');
    expect(said()).toMatchObject([{ id: 7, result: { resultType: 'complete' } }]);
  });

  it('[modern.cache] may be cached by nobody else', () => {
    call('tools/list').say({ id: 'x', result: { tools: [] } }, true);
    expect(said()[0]?.result).toMatchObject({ ttlMs: 0, cacheScope: 'private' });
  });

  it('is told its progress by its own token, and the log as far as it asked', () => {
    const { say, serverId } = call('tools/call', { _meta: { progressToken: 'mine' } });
    const progress = (progressToken: string) =>
      say({ method: 'notifications/progress', params: { progressToken, progress: 1 } });
    progress(serverId);
    progress('of somebody else');
    for (const level of ['info', 'error']) say({ method: 'notifications/message', params: { level, data: '' } });
    say({ method: 'notifications/tools/list_changed' });
    expect(said()).toMatchObject([{ params: { progressToken: 'mine' } }, { params: { level: 'error' } }]);
    expect(said()).toHaveLength(2);
  });
});

describe('[modern.input] a question of the server', () => {
  it('[modern.progress] does not end the progress of its call', () => {
    const from = { connection: 'm-1', place: `files.key.3.${encodedId('first')}`, asked: 1, answered: [] };
    const { say } = call('tools/call', { _meta: { progressToken: 'mine' } }, {}, from);
    for (const token of ['first', 'of somebody else'])
      say({ method: 'notifications/progress', params: { progressToken: token, progress: 1 } });
    expect(said()).toMatchObject([{ params: { progressToken: 'mine' } }]);
    expect(said()).toHaveLength(1);
  });

  it('is asked, with those before it, however many more come', async () => {
    const { say } = call();
    for (let id = 1; out.said.length === 0 && id < 1000; id++) {
      say({ id, method: 'elicitation/create', params: FORM });
      await clock.advance(40);
    }
    const asked = Object.keys(said()[0]?.result?.inputRequests as object);
    expect(asked.length).toBeLessThan(100);
  });

  it('is an answer, with all that is asked in the same breath', async () => {
    const { say } = call();
    say({ method: 'notifications/message', params: { level: 'error', data: 'before' } });
    const hinted = { ...FORM, elicitationId: 'e', _meta: { 'mcp-session-manager/inputKey': 'user', progressToken: 1 } };
    say({ id: 1, method: 'elicitation/create', params: hinted });
    say({ id: 2, method: 'elicitation/create', params: FORM });
    say({ method: 'notifications/message', params: { level: 'error', data: 'after' } });
    await clock.advance(50);
    expect(said()).toHaveLength(2);
    expect(said()[1]).toMatchObject({
      id: 7,
      result: {
        resultType: 'input_required',
        inputRequests: {
          user: { method: 'elicitation/create', params: FORM },
          'elicitation-2': { method: 'elicitation/create', params: FORM },
        },
      },
    });
    expect(said()[1]?.result).not.toHaveProperty('ttlMs');
    expect(stateIn()).toEqual({ connection: 'm-1', place: 'files.key.1.Nw', asked: 0, answered: [] });
    out.close();
    await settle();
    expect(server.cancelled).toEqual([]);
  });

  it('that the client has answered reaches the server once, and the others are asked again by their names', async () => {
    const from = { connection: 'm-1', place: 'files.key.3.Nw', asked: 2, answered: ['b'] };
    const { say } = call('tools/call', {}, { 'elicitation-5': { action: 'accept' } }, from);
    for (const id of ['a', 'b', 'c']) say({ id, method: 'elicitation/create', params: FORM });
    await clock.advance(50);
    expect(server.told.map(({ message }) => message)).toEqual([
      { jsonrpc: '2.0', id: 'c', result: { action: 'accept' } },
    ]);
    expect(Object.keys(said()[0]?.result?.inputRequests as object)).toEqual(['elicitation-3']);
    expect(stateIn()).toEqual({ ...from, answered: ['b', 'c'] });
    const keys = server.told.map(({ key }) => key);
    out = new FakeReply();
    const again = call('tools/call', {}, { 'elicitation-5': { action: 'accept' } }, from);
    for (const id of ['a', 'b', 'c']) again.say({ id, method: 'elicitation/create', params: FORM });
    expect(server.told.map(({ key }) => key)).toEqual([...keys, ...keys]);
  });

  it('may be answered ahead, but each answer is good for one', async () => {
    const ask = { ...FORM, _meta: { 'mcp-session-manager/inputKey': 'user' } };
    const { say } = call('tools/call', {}, { user: { action: 'accept' } });
    say({ id: 1, method: 'elicitation/create', params: ask });
    say({ id: 2, method: 'elicitation/create', params: ask });
    await clock.advance(50);
    expect(server.told.map(({ message }) => message)).toMatchObject([{ id: 1, result: { action: 'accept' } }]);
    expect(Object.keys(said()[0]?.result?.inputRequests as object)).toEqual(['user']);
    expect(stateIn()).toMatchObject({ place: 'files.key.1.Nw', asked: 1 });
  });

  it('that is taken back is not asked', async () => {
    const { say } = call();
    say({ id: 1, method: 'elicitation/create', params: FORM });
    say({ method: 'notifications/cancelled', params: { requestId: 1 } });
    await clock.advance(50);
    expect(said()).toEqual([]);
    say({ id: 'x', result: { content: [] } }, true);
    expect(said()[0]?.result?.resultType).toBe('complete');
  });

  it('is refused where nobody may be asked', async () => {
    call('tools/list').say({ id: 1, method: 'elicitation/create', params: FORM });
    call().say({ id: 2, method: 'tasks/get', params: {} });
    await clock.advance(50);
    expect(server.told.map(({ message }) => message)).toMatchObject([
      { id: 1, error: { code: -32601 } },
      { id: 2, error: { code: -32601 } },
    ]);
    expect(out.said).toEqual([]);
  });

  it('[modern.capability] is refused if the client cannot be asked that, and the call is given up', async () => {
    const questions: [string, object][] = [
      ['sampling/createMessage', {}],
      ['elicitation/create', { mode: 'url' }],
      ['roots/list', {}],
    ];
    for (const [method, params] of questions) call().say({ id: method, method, params });
    await settle();
    expect(out.said).toEqual(Array(3).fill('<capability.missing 7>'));
    expect(server.told.map(({ message }) => message)).toMatchObject(questions.map(([id]) => ({ id, error: {} })));
    expect(server.cancelled).toEqual([7, 7, 7]);
    expect(server.unlessFollowed).toEqual([false, false, false]);
  });
});

describe('a call that cannot go on', () => {
  it('[modern.disconnect] is given up when the client goes, unless the host does not have it', async () => {
    call();
    const order: string[] = [];
    out.onClose(() => order.push('left'));
    server.onCancel = () => order.push('cancelled');
    out.close();
    await settle();
    expect(server.cancelled).toEqual([7]);
    expect(server.unlessFollowed).toEqual([true]);
    expect(order).toEqual(['left', 'cancelled']); // else it would be followed from here
    out = new FakeReply();
    const { reply } = call();
    reply.fail(new AppError('server.busy', 'Not now'));
    out.close();
    await settle();
    expect(server.cancelled).toEqual([7]);
  });

  it('[modern.stateless] is one that the client may come back to, if it is of that kind', async () => {
    call().say({ method: 'notifications/message', params: { level: 'error', data: '' } });
    heart.cut();
    expect(said().at(-1)?.result).toMatchObject({ resultType: 'input_required' });
    expect(said().at(-1)?.result).not.toHaveProperty('inputRequests');
    expect(stateIn().place).toBe('files.key.1.Nw');
    out = new FakeReply();
    call('tools/list'); // after the cut: it is told all the same
    await settle();
    expect(out.said).toEqual(['<call.outcome-unknown 7>']);
    out.close();
    await settle();
    expect(server.cancelled).toEqual([]);
  });

  it('[modern.stateless] is told so, also when it comes as the last', async () => {
    heart.cut();
    call();
    await settle();
    expect(said().at(-1)?.result).toMatchObject({ resultType: 'input_required' });
  });

  it('is none because of a message that cannot be written again', () => {
    const { reply, say } = call();
    const params = `{"level":"error","data":${DEEP}}`;
    const message = `{"jsonrpc":"2.0","method":"notifications/message","params":${params}}`;
    reply.send(Buffer.from(message), () => 'files.key.1.Nw', false);
    say({ id: 'x', result: { content: [] } }, true);
    expect(said()).toMatchObject([{ result: { resultType: 'complete' } }]);
  });

  it('[outcome.unknown] is one that was cancelled before the client came back to it', () => {
    const { reply } = call();
    const message = (text: object) => Buffer.from(JSON.stringify({ jsonrpc: '2.0', ...text }));
    const place = () => 'files.key.1.Nw';
    // A stream that has no answer ends with whatever is its last message.
    reply.send(message({ id: 1, method: 'elicitation/create', params: FORM }), place, true);
    expect(out.said).toEqual(['<call.outcome-unknown 7>']);
  });

  it('[outcome.unknown] ends with an error, whatever ended it', () => {
    call().reply.end();
    expect(out.said).toEqual(['<call.outcome-unknown 7>']);
  });
});
