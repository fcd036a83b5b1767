import { beforeEach, describe, expect, it } from 'vitest';
import type { HostLimits, PostKind } from '../../src/core/channel.ts';
import { type Follower, Refusal } from '../../src/host/channel-log.ts';
import { Channels } from '../../src/host/channels.ts';
import { CIRCUIT, Circuit } from '../../src/host/circuit.ts';
import { Launcher } from '../../src/host/launcher.ts';
import { StderrTail } from '../../src/host/stderr-tail.ts';
import { FakeClock } from '../fakes/fake-clock.ts';
import { FakeServers } from '../fakes/fake-servers.ts';

const LIMITS: HostLimits = {
  logBytes: 1 << 20,
  logAgeMs: 3_600_000,
  keys: 100,
  children: 2,
  childIdleMs: 3_600_000,
  initializeMs: 5000,
  parkedMs: 900_000,
  abandonedMs: 60_000,
};
const ROOTS = { capabilities: { roots: { listChanged: true }, sampling: {} } };
const CALL: PostKind = { type: 'request', id: 1, method: 'tools/call' };
const ANSWER = '{"jsonrpc":"2.0","id":1,"result":{}}';
const QUESTION = { id: 9, method: 'sampling/createMessage' };

/** Writes down what it gets. */
interface Recorder extends Follower {
  /** `{message}`, `!` after the last, `(own)` before a gateway's, `<{why}>` at the end. */
  readonly heard: string[];
}
function recorder(): Recorder {
  const heard: string[] = [];
  return {
    heard,
    congested: false,
    onDrain: () => {},
    entry: (_offset, payload, last, own) => heard.push(`${own ? '(own) ' : ''}${payload}${last ? '!' : ''}`),
    end: (why) => heard.push(`<${why}>`),
  };
}

describe('the standalone stream of a channel', () => {
  let clock: FakeClock;
  let servers: FakeServers;
  let launcher: Launcher;
  let channels: Channels;

  beforeEach(async () => {
    clock = new FakeClock();
    servers = new FakeServers();
    launcher = new Launcher(servers.start, new Circuit(CIRCUIT, clock, () => 0), new StderrTail(), clock);
    channels = new Channels(launcher, LIMITS, clock);
    await channels.open('c', Buffer.from(JSON.stringify(ROOTS)), true);
  });

  const channel = () => channels.get('c');
  function follow(mode?: 'free' | 'share', from?: number): Recorder {
    const follower = recorder();
    channel().log.follow('', from, follower, mode);
    return follower;
  }
  function post(key: string, kind: PostKind, out = false): Recorder {
    const follower = recorder();
    const payload = Buffer.from(JSON.stringify({ jsonrpc: '2.0', ...kind, type: undefined }));
    channel().post(key, kind, payload, follower, out);
    return follower;
  }
  function leave(follower: Follower): void {
    channel().log.leave(channel().log.standalone, follower);
  }

  it('has all that belongs to a request that is answered there, and the request ends without a message', () => {
    const poster = post('k', { ...CALL, progress: 't' }, true);
    servers.last.say({ method: 'notifications/progress', params: { progressToken: 't' } });
    servers.last.say(QUESTION);
    const follower = follow();
    servers.last.say({ id: 1, result: {} });
    expect(follower.heard.map((text) => JSON.parse(text).method ?? 'answer')).toEqual([
      'notifications/progress',
      QUESTION.method,
      'answer',
    ]);
    expect(poster.heard).toEqual(['<done>']);
  });

  it('does not end with an answer, and has what is answered elsewhere never', () => {
    const follower = follow();
    post('k', CALL, true);
    const other = post('other', { ...CALL, id: 2 });
    servers.last.say({ id: 1, result: {} });
    servers.last.say({ id: 2, result: {} });
    servers.last.say({ method: 'notifications/tools/list_changed' });
    expect(follower.heard).toEqual([ANSWER, '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}']);
    expect(other.heard).toEqual(['{"jsonrpc":"2.0","id":2,"result":{}}!']);
  });

  it('has an answer once, however often its request is posted', () => {
    const posters = [post('k', CALL, true), post('k', CALL, true)];
    servers.last.say({ id: 1, result: {} });
    posters.push(post('k', CALL, true));
    expect(servers.last.methods.filter((method) => method === 'tools/call')).toHaveLength(1);
    expect(follow().heard).toEqual([ANSWER]);
    // A call has one follower: whoever posts it again takes over.
    expect(posters.map(({ heard }) => heard)).toEqual([['<replaced>'], ['<done>'], ['<done>']]);
  });

  it('has the outcome of a call whose server died, and nothing of one that was cancelled', () => {
    const cancelled = post('a', CALL, true);
    post('c', { type: 'notification', method: 'notifications/cancelled', cancels: 1 });
    post('b', { ...CALL, id: 2 }, true);
    servers.last.events.onExit('killed');
    const { heard } = follow();
    expect(heard).toHaveLength(1);
    expect(JSON.parse(heard[0] as string)).toMatchObject({
      id: 2,
      error: { message: expect.stringContaining('unknown') },
    });
    expect(cancelled.heard).toEqual(['<done>']);
  });

  it("has a gateway's own messages, which no server sees, also for a client that comes later", () => {
    const before = servers.last.sent.length;
    post('own', { type: 'own' });
    const own = ['(own) {"jsonrpc":"2.0"}'];
    expect(follow().heard).toEqual(own);
    post('own', { type: 'own' }); // posted again
    expect(follow(undefined, 0).heard).toEqual(own);
    expect(servers.last.sent).toHaveLength(before);
  });

  it('is followed with `free` by one at a time, who comes first', () => {
    const first = follow('free');
    expect(() => follow('free')).toThrow(Refusal);
    leave(first);
    servers.last.say({ method: 'notifications/tools/list_changed' });
    expect(follow('free').heard).toHaveLength(1); // from where the first one left
    expect(first.heard).toEqual([]);
  });

  it('is followed with `share` beside others, from now on', () => {
    const one = follow();
    servers.last.say({ method: 'notifications/tools/list_changed' });
    const sharers = [follow('share'), follow('share')];
    servers.last.say({ method: 'notifications/prompts/list_changed' });
    leave(sharers[0] as Follower);
    servers.last.say({ method: 'notifications/resources/list_changed' });
    const lists = ({ heard }: Recorder) => heard.map((text) => /\w+(?=\/list)/.exec(text)?.[0]);
    expect([one, ...sharers].map(lists)).toEqual([
      ['tools', 'prompts', 'resources'],
      ['prompts'],
      ['prompts', 'resources'],
    ]);
    leave(one);
    expect(channel().log.listened).toBe(true);
    channel().log.close();
    expect(sharers.map(({ heard }) => heard.at(-1))).toEqual([expect.stringContaining('prompts'), '<closed>']);
  });

  it('slows the server down for whoever cannot keep up, also one beside others', () => {
    const states: string[] = [];
    servers.last.pause = () => states.push('paused');
    servers.last.resume = () => states.push('resumed');
    let drained = () => {};
    const slow: Follower = {
      ...recorder(),
      congested: true,
      onDrain: (resume) => {
        drained = resume;
      },
    };
    follow();
    channel().log.follow('', undefined, slow, 'share');
    servers.last.say({ method: 'notifications/tools/list_changed' });
    expect(states).toEqual(['paused']);
    drained();
    expect(states).toEqual(['paused', 'resumed']);
  });

  describe('a question of the server', () => {
    const answers = () => servers.last.sent.filter(({ id, method }) => id === QUESTION.id && method === undefined);

    it('is given up when its client has been gone for too long, and the call goes on', async () => {
      const client = follow();
      post('k', CALL, true);
      servers.last.say(QUESTION);
      await clock.advance(2 * LIMITS.parkedMs);
      await channels.sweep();
      expect(answers()).toEqual([]); // it thinks
      leave(client);
      await clock.advance(LIMITS.parkedMs - 1);
      await channels.sweep();
      expect(answers()).toEqual([]);
      await clock.advance(1);
      await channels.sweep();
      await channels.sweep();
      expect(answers()).toMatchObject([{ error: { message: expect.stringContaining('gone') } }]);
      servers.last.say({ id: 1, result: {} });
      expect(follow(undefined).heard.at(-1)).toBe(ANSWER);
      expect(channel().busy).toBe(true); // only because somebody follows
    });

    it('is not given up for one who has come back, and an answer that is too late is dropped', async () => {
      const poster = post('k', CALL);
      servers.last.say(QUESTION);
      channel().log.leave(channel().log.follow('k', 0, poster), poster);
      await clock.advance(LIMITS.parkedMs);
      const back = recorder();
      const stream = channel().log.follow('k', 0, back);
      await channels.sweep();
      expect(answers()).toEqual([]);
      channel().log.leave(stream, back);
      await clock.advance(LIMITS.parkedMs);
      await channels.sweep();
      expect(answers()).toHaveLength(1);
      post('late', { type: 'response', id: QUESTION.id });
      expect(answers()).toHaveLength(1);
    });
  });

  it.each([
    { clientRoots: false, told: { sampling: {} }, passed: [] },
    { clientRoots: true, told: ROOTS.capabilities, passed: ['notifications/roots/list_changed'] },
  ])("lets a client's roots through only where the server may know them: $clientRoots", async (one) => {
    const { clientRoots, told, passed } = one;
    channels = new Channels(launcher, LIMITS, clock, { clientRoots });
    await channels.open('c', Buffer.from(JSON.stringify(ROOTS)), true);
    expect(servers.last.sent[0]?.params).toMatchObject({ capabilities: told });
    expect(Object.keys(servers.last.sent[0]?.params?.capabilities as object)).toEqual(Object.keys(told));
    post('n', { type: 'notification', method: 'notifications/roots/list_changed' });
    expect(servers.last.methods.filter((method) => method?.includes('roots'))).toEqual(passed);
    const client = follow();
    servers.last.say({ id: 5, method: 'roots/list' });
    const asked = client.heard.map((text) => JSON.parse(text).method);
    const answered = servers.last.sent.filter(({ id, method }) => id === 5 && method === undefined);
    expect({ asked, answered: answered.length }).toEqual(
      clientRoots ? { asked: ['roots/list'], answered: 0 } : { asked: [], answered: 1 },
    );
  });
});
