import { beforeEach, describe, expect, it } from 'vitest';
import type { PostKind } from '../../src/core/channel.ts';
import { ChannelLog, type Follower, Refusal } from '../../src/host/channel-log.ts';
import { ManualClock } from '../fakes/manual-clock.ts';

const BOUNDS = { logBytes: 100, logAgeMs: 60_000, keys: 3 };
const request = (id: number): PostKind => ({ type: 'request', id, method: 'tools/call' });

/** Writes down what it gets. */
function recorder(): Follower & { readonly heard: string[]; readonly offsets: number[] } {
  const heard: string[] = [];
  const offsets: number[] = [];
  return {
    heard,
    offsets,
    congested: false,
    onDrain: () => {},
    entry: (offset, payload, last) => {
      offsets.push(offset);
      heard.push(last ? `${payload}!` : `${payload}`);
    },
    end: (why) => heard.push(`<${why}>`),
  };
}

function refusal(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof Refusal) return error.code;
    throw error;
  }
  throw new Error('it was not refused');
}

describe('channel log', () => {
  let clock: ManualClock;
  let log: ChannelLog;
  const say = (stream: Parameters<ChannelLog['append']>[0], text: string, last = false) =>
    log.append(stream, Buffer.from(text), last);

  beforeEach(() => {
    clock = new ManualClock();
    log = new ChannelLog(BOUNDS, clock);
  });

  it('hands a stream to its follower, message by message', () => {
    const { stream } = log.claim('k', request(1));
    const follower = recorder();
    log.follow('k', 0, follower);
    say(stream, 'a');
    say(stream, 'b', true);
    expect(follower.heard).toEqual(['a', 'b!']);
  });

  it('lets another follower go on behind an offset', () => {
    const { stream } = log.claim('k', request(1));
    const first = recorder();
    log.follow('k', 0, first);
    say(stream, 'a');
    say(stream, 'b');
    const second = recorder();
    log.follow('k', first.offsets[0], second);
    say(stream, 'c', true);
    expect(first.heard).toEqual(['a', 'b', '<replaced>']);
    expect(second.heard).toEqual(['b', 'c!']);
  });

  it('never mixes streams', () => {
    const one = log.claim('one', request(1)).stream;
    const two = log.claim('two', request(2)).stream;
    const follower = recorder();
    log.follow('one', 0, follower);
    say(two, 'x', true);
    say(one, 'a', true);
    say(log.standalone, 's');
    expect(follower.heard).toEqual(['a!']);
  });

  it('runs nothing twice for one key, and replays the finished call', () => {
    const { stream, fresh } = log.claim('k', request(1));
    expect(fresh).toBe(true);
    say(stream, 'a', true);
    expect(log.claim('k', request(1))).toEqual({ stream, fresh: false });
    const follower = recorder();
    log.follow('k', 0, follower);
    expect(follower.heard).toEqual(['a!']);
  });

  it('refuses a key that comes with another message', () => {
    log.claim('k', request(1));
    expect(refusal(() => log.claim('k', request(2)))).toBe('key-reused');
    log.claim('l', { ...request(1), digest: 'a' });
    expect(log.claim('l', { ...request(1), digest: 'a' }).fresh).toBe(false);
    expect(refusal(() => log.claim('l', { ...request(1), digest: 'b' }))).toBe('key-reused');
  });

  it('says "done" to whoever has everything', () => {
    const { stream } = log.claim('k', request(1));
    const first = recorder();
    log.follow('k', 0, first);
    say(stream, 'a', true);
    const second = recorder();
    log.follow('k', first.offsets[0], second);
    expect(second.heard).toEqual(['<done>']);
  });

  it('goes on behind what a client had where no offset is given: nothing twice, nothing lost', () => {
    for (const text of ['early', 'on its way']) say(log.standalone, text);
    const first = recorder();
    const stream = log.follow('', undefined, first);
    log.seen(stream, first, first.offsets[0] as number);
    log.leave(stream, first); // with what its client had not got
    say(log.standalone, 'meanwhile');
    const second = recorder();
    log.follow('', undefined, second);
    expect(first.heard).toEqual(['early', 'on its way']);
    expect(second.heard).toEqual(['on its way', 'meanwhile']);
    log.seen(stream, first, second.offsets[1] as number); // from one that has left
    const third = recorder();
    log.follow('', undefined, third);
    expect(third.heard).toEqual(['on its way', 'meanwhile']);
  });

  it('is free for another follower when its own does not pass on what it gets', () => {
    const [gateway, other] = [recorder(), recorder()];
    const stream = log.follow('', undefined, gateway);
    const steal = () => log.follow('', undefined, other, 'free');
    clock.advance(60_000); // silence is no sign of anything
    say(log.standalone, 'one');
    log.seen(stream, gateway, gateway.offsets[0] as number);
    clock.advance(60_000);
    say(log.standalone, 'two');
    clock.advance(4999);
    expect(refusal(steal)).toBe('followed');
    clock.advance(1);
    steal();
    expect(gateway.heard).toEqual(['one', 'two', '<replaced>']);
    expect(other.heard).toEqual(['two']);
  });

  it('drops the oldest above its bytes, and calls it a gap', () => {
    const { stream } = log.claim('k', request(7));
    const follower = recorder();
    log.follow('k', 0, follower);
    for (const text of ['a', 'b', 'c']) say(stream, text.repeat(45));
    expect(log.bytes).toBe(90);
    expect(refusal(() => log.follow('k', 0, recorder()))).toBe('gap');
    const later = recorder();
    log.follow('k', follower.offsets[0], later);
    expect(later.heard).toEqual(['b'.repeat(45), 'c'.repeat(45)]);
  });

  it('tells of a gap once to whoever does not say where it is, and then goes on with what is kept', () => {
    say(log.standalone, 'a');
    clock.advance(BOUNDS.logAgeMs + 1);
    say(log.standalone, 'b');
    say(log.standalone, 'c');
    expect(refusal(() => log.follow('', undefined, recorder()))).toBe('gap');
    const follower = recorder();
    log.follow('', undefined, follower);
    expect(follower.heard).toEqual(['b', 'c']);
  });

  it('keeps the newest message whatever its size', () => {
    const { stream } = log.claim('k', request(1));
    say(stream, 'x'.repeat(1000), true);
    const follower = recorder();
    log.follow('k', 0, follower);
    expect(follower.heard[0]).toHaveLength(1001);
  });

  it('drops by age', () => {
    const { stream } = log.claim('k', request(1));
    say(stream, 'old');
    clock.advance(BOUNDS.logAgeMs + 1);
    say(stream, 'new');
    expect(log.bytes).toBe(3);
    expect(refusal(() => log.follow('k', 0, recorder()))).toBe('gap');
  });

  it('takes an offset of an earlier log of the channel for a gap', () => {
    say(log.standalone, 'a');
    const before = recorder();
    log.follow('', undefined, before);
    clock.advance(5);
    log = new ChannelLog(BOUNDS, clock);
    expect(refusal(() => log.follow('', before.offsets[0], recorder()))).toBe('gap');
    say(log.standalone, 'b');
    const after = recorder();
    log.follow('', undefined, after);
    expect(after.offsets[0]).toBeGreaterThan(before.offsets[0] as number);
  });

  it('forgets the oldest complete key, never one that runs', () => {
    const running = log.claim('running', request(1)).stream;
    for (const id of [2, 3, 4]) say(log.claim(`k${id}`, request(id)).stream, 'x', true);
    expect(refusal(() => log.follow('k2', 0, recorder()))).toBe('no-stream');
    expect(log.claim('running', request(1))).toEqual({ stream: running, fresh: false });
  });

  it('tells every follower when it is closed', () => {
    const { stream } = log.claim('k', request(1));
    const followers = [recorder(), recorder()];
    log.follow('', undefined, followers[0] as Follower);
    log.follow(stream.name, 0, followers[1] as Follower);
    log.close();
    expect(followers.map(({ heard }) => heard)).toEqual([['<closed>'], ['<closed>']]);
  });
});
