import { beforeEach, describe, expect, it } from 'vitest';
import type { HostLimits, PostKind } from '../../src/core/channel.ts';
import { messageOf } from '../../src/core/errors.ts';
import type { Follower } from '../../src/host/channel-log.ts';
import { Channels } from '../../src/host/channels.ts';
import { CIRCUIT, Circuit } from '../../src/host/circuit.ts';
import { Launcher } from '../../src/host/launcher.ts';
import { StderrTail } from '../../src/host/stderr-tail.ts';
import { FakeClock, settle } from '../fakes/fake-clock.ts';
import { FakeServers } from '../fakes/fake-servers.ts';

const LIMITS: HostLimits = {
  logBytes: 1 << 20,
  logAgeMs: 60_000,
  keys: 100,
  children: 2,
  childIdleMs: 10_000,
  initializeMs: 5000,
  parkedMs: 900_000,
  abandonedMs: 60_000,
};
const PARAMS = Buffer.from('{"capabilities":{}}');
const INITIALIZED: PostKind = { type: 'notification', method: 'notifications/initialized' };

/** Writes down what it gets. */
function recorder(): Follower & { readonly heard: string[] } {
  const heard: string[] = [];
  return {
    heard,
    congested: false,
    onDrain: () => {},
    entry: (_offset, payload, last) => heard.push(last ? `${payload}!` : `${payload}`),
    end: (why) => heard.push(`<${why}>`),
  };
}

describe('a channel', () => {
  let clock: FakeClock;
  let servers: FakeServers;
  let launcher: Launcher;
  let channels: Channels;
  let serial = 0;

  beforeEach(() => {
    clock = new FakeClock();
    servers = new FakeServers();
    launcher = new Launcher(servers.start, new Circuit(CIRCUIT, clock, () => 0), new StderrTail(), clock);
    channels = new Channels(launcher, LIMITS, clock);
  });

  /** Posts one message; what comes of it is in what is returned. */
  function post(channel: string, kind: PostKind, rest: object = {}): string[] {
    const { type, ...fields } = kind;
    const payload = Buffer.from(JSON.stringify({ jsonrpc: '2.0', ...fields, ...rest }));
    const follower = recorder();
    channels.get(channel).post(`k${++serial}`, kind, payload, follower);
    return follower.heard;
  }
  const call = (channel: string, id: number) => post(channel, { type: 'request', id, method: 'tools/call' });

  it('has a server of its own, also where two are opened at once', async () => {
    await launcher.prepare();
    await Promise.all(['a', 'b'].map((id) => channels.open(id, PARAMS, false)));
    expect(servers.started).toHaveLength(2);
    const [a, b] = [call('a', 1), call('b', 1)];
    for (const [n, server] of servers.started.entries()) server.say({ id: 1, result: { n } });
    expect([a, b].map(([answer]) => answer)).toEqual(
      [0, 1].map((n) => `{"jsonrpc":"2.0","id":1,"result":{"n":${n}}}!`),
    );
  });

  it('tells its server that the client is initialized, once, whoever brings the news', async () => {
    await channels.open('a', PARAMS, false);
    await channels.open('a', PARAMS, true); // another gateway, whose client was told of the result
    post('a', INITIALIZED);
    expect(servers.last.methods).toEqual(['initialize', 'notifications/initialized']);
  });

  it('hears nothing any more from a server that was put to sleep', async () => {
    await channels.open('a', PARAMS, false);
    const asleep = servers.last;
    await clock.advance(LIMITS.childIdleMs);
    await channels.sweep();
    expect(asleep.closed).toBe(true);
    asleep.say({ id: 1, method: 'sampling/createMessage' });
    const heard = recorder();
    channels.get('a').log.follow('', 0, heard);
    expect(heard.heard).toEqual([]);
  });

  it('may sleep when the server has withdrawn its question', async () => {
    await channels.open('a', PARAMS, false);
    servers.last.say({ id: 1, method: 'elicitation/create' });
    expect(channels.get('a').busy).toBe(true);
    servers.last.say({ method: 'notifications/cancelled', params: { requestId: 1 } });
    expect(channels.get('a').busy).toBe(false);
  });

  it('has a question go to a call in which servers ask, and the next to the one that went on last', async () => {
    await channels.open('a', PARAMS, false);
    const [first, second] = [call('a', 1), call('a', 2)];
    const list = recorder();
    channels.get('a').post('list', { type: 'request', id: 3, method: 'tools/list' }, Buffer.from('{}'), list);
    servers.last.say({ id: 'q1', method: 'elicitation/create' });
    expect([first, second, list.heard].map((heard) => heard.length)).toEqual([0, 1, 0]);
    servers.last.say({ id: 2, result: {} });
    servers.last.say({ id: 'q2', method: 'elicitation/create' });
    const third = call('a', 4);
    const answer = { type: 'response', id: 'q2' } as const;
    channels.get('a').post('answer', answer, Buffer.from('{"jsonrpc":"2.0","id":"q2","result":{}}'), recorder());
    servers.last.say({ id: 'q3', method: 'elicitation/create' });
    expect([first, third].map((heard) => heard.length)).toEqual([2, 0]);
  });

  it('[modern.disconnect] has no call cancelled by one who left it, while another waits for it', async () => {
    await channels.open('a', PARAMS, false);
    const channel = channels.get('a');
    const kind: PostKind = { type: 'request', id: 1, method: 'tools/call' };
    const [first, second] = [recorder(), recorder()];
    const run = (follower: Follower) => channel.post('call', kind, Buffer.from('{"method":"tools/call"}'), follower);
    const stream = run(first);
    run(second);
    const cancel = () =>
      post('a', { type: 'notification', method: 'notifications/cancelled', cancels: 1, unlessFollowed: true });
    channel.log.leave(stream, first);
    cancel();
    expect(channel.busy).toBe(true);
    channel.log.leave(stream, second);
    cancel();
    expect(channel.busy).toBe(false);
    expect(servers.last.methods.filter((method) => method === 'notifications/cancelled')).toHaveLength(1);
  });

  it('that wakes makes room as one that is opened does', async () => {
    await channels.open('a', PARAMS, false);
    await channels.get('a').sleep();
    for (const id of ['b', 'c']) {
      await clock.advance(1);
      await channels.open(id, PARAMS, false);
    }
    call('a', 1);
    await settle();
    expect(launcher.running).toBe(LIMITS.children);
    expect(channels.get('b').hasServer).toBe(false);
    expect(channels.get('a').hasServer).toBe(true);
  });

  it('that no client will ever close is closed when there are too many, unless it is in use', async () => {
    const opened = 'a'.repeat(32); // by a client of its own
    for (const id of [opened, 'm-used', 'm-busy']) await channels.open(id, PARAMS, false);
    call('m-busy', 1);
    for (let n = 0; n < 100; n++) {
      await clock.advance(1);
      await channels.open(`m-${n}`, PARAMS, false);
    }
    await settle();
    expect(channels.size).toBe(101);
    for (const id of [opened, 'm-busy', 'm-99', 'm-2']) expect(channels.get(id).id).toBe(id);
    for (const id of ['m-used', 'm-0']) expect(() => channels.get(id)).toThrow('does not hold');
  });

  it('ended by its client is not opened again by whoever has not heard of it; one that was only closed is', async () => {
    for (const id of ['ended', 'closed']) await channels.open(id, PARAMS, false);
    await channels.close('ended', true);
    await channels.close('closed');
    await channels.close('never held here', true);
    for (const id of ['ended', 'never held here'])
      await expect(channels.open(id, PARAMS, true)).rejects.toMatchObject({ code: 'channel-over' });
    await channels.open('closed', PARAMS, true);
    expect(channels.size).toBe(1);
  });

  it('ended by its client while another gateway opens it is over there, and no failure of the server', async () => {
    servers.greeting = 'silent';
    const refused = expect(channels.open('a', PARAMS, true)).rejects.toMatchObject({ code: 'channel-over' });
    await settle();
    await channels.close('a', true);
    await refused;
  });

  it('closed by its client while the server starts is no failure of the server', async () => {
    servers.greeting = 'silent';
    for (let n = 0; n < 2 * CIRCUIT.threshold; n++) {
      const opening = channels.open(`c${n}`, PARAMS, false);
      const refused = expect(opening).rejects.toThrow();
      await settle();
      await channels.close(`c${n}`);
      await refused;
    }
    expect(launcher.circuit).toBe('closed');
    expect(launcher.running).toBe(0);
  });

  it('refused by the server gets the refusal as the server worded it, and leaves the circuit as it was', async () => {
    const open = () => channels.open('a', PARAMS, false).then(() => 'opened', messageOf);
    servers.broken = new Error('no such program');
    for (let n = 0; n < CIRCUIT.threshold; n++) await open();
    expect(await open()).toContain('failed too often');
    await clock.advance(CIRCUIT.openMs);
    servers.broken = undefined;
    servers.greeting = { error: { code: -32602, message: 'not this version' } };
    expect(await open()).toBe('not this version');
    servers.greeting = { result: {} };
    expect(await open()).toBe('opened'); // the probe is over, so the next one may start
  });

  it('answers a call whose server dies, and starts another one for the next', async () => {
    await channels.open('a', PARAMS, true);
    const heard = call('a', 1);
    servers.last.events.onExit('exited with code 3');
    expect(heard[0]).toContain('whether the call took effect is unknown');
    call('a', 2);
    await settle();
    expect(servers.last.methods).toEqual(['initialize', 'notifications/initialized', 'tools/call']);
  });

  it('answers a call whose server does not answer `initialize`, within the time limit', async () => {
    await channels.open('a', PARAMS, true);
    await channels.get('a').sleep();
    servers.greeting = 'silent';
    const heard = call('a', 1);
    await clock.advance(LIMITS.initializeMs);
    expect(heard[0]).toContain('did not answer \\"initialize\\" within 5 s');
  });

  it('counts requests that come again with their key, and what is left of that when it is closed', async () => {
    await channels.open('a', PARAMS, true);
    const send = (key: string, kind: PostKind) =>
      channels.get('a').post(key, kind, Buffer.from(JSON.stringify({ jsonrpc: '2.0', ...kind })), recorder());
    const request: PostKind = { type: 'request', id: 1, method: 'tools/call' };
    const notification: PostKind = { type: 'notification', method: 'notifications/roots/list_changed' };
    for (const [key, kind] of [
      ['k1', request],
      ['k2', notification],
    ] as const)
      send(key, kind);
    expect(channels.replays).toBe(0);
    for (let time = 0; time < 2; time++) send('k1', request);
    send('k2', notification);
    expect(channels.replays).toBe(2);
    await channels.close('a');
    expect(channels.replays).toBe(2);
  });

  it('replays log level and subscriptions to a new server', async () => {
    await channels.open('a', PARAMS, true);
    const set = (method: string, params: object) => post('a', { type: 'request', id: ++serial, method }, { params });
    set('logging/setLevel', { level: 'error' });
    set('resources/subscribe', { uri: 'x://1' });
    set('resources/subscribe', { uri: 'x://2' });
    set('resources/unsubscribe', { uri: 'x://1' });
    servers.last.events.onExit('killed');
    call('a', 9);
    await settle();
    expect(servers.last.sent.slice(2)).toMatchObject([
      { method: 'logging/setLevel', params: { level: 'error' } },
      { method: 'resources/subscribe', params: { uri: 'x://2' } },
      { method: 'tools/call' },
    ]);
  });

  it('sends what belongs to no request to the standalone stream, progress where its token came from', async () => {
    await channels.open('a', PARAMS, true);
    const standalone = recorder();
    channels.get('a').log.follow('', 0, standalone);
    const one = post('a', { type: 'request', id: 1, method: 'tools/call', progress: 't' });
    const two = call('a', 2);
    servers.last.say({ method: 'notifications/tools/list_changed' });
    servers.last.say({ method: 'notifications/progress', params: { progressToken: 't' } });
    servers.last.say({ method: 'notifications/message' });
    servers.last.say({ method: 'notifications/message' }, 1);
    const methods = (heard: string[]) => heard.map((text) => JSON.parse(text).method.split('/').slice(1).join('/'));
    expect([standalone.heard, one, two].map(methods)).toEqual([
      ['tools/list_changed'],
      ['progress', 'message'],
      ['message'],
    ]);
  });
});
