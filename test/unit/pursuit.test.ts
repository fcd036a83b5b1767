import { beforeEach, describe, expect, it } from 'vitest';
import { AppError, StoreUnavailable } from '../../src/core/errors.ts';
import { HostRefused } from '../../src/core/host-link.ts';
import { Pursuit } from '../../src/gateway/mcp/pursuit.ts';
import type { Target } from '../../src/gateway/mcp/target.ts';
import { FakeClock, settle } from '../fakes/fake-clock.ts';
import { FakeLink, FakeSession } from '../fakes/fake-link.ts';

let clock: FakeClock;
let session: FakeSession;
let target: Target;
let heard: string[];
beforeEach(() => {
  clock = new FakeClock();
  session = new FakeSession(clock);
  target = session.target();
  heard = [];
});

/** Posts a request and writes down what becomes of it. */
function pursue(more: { moved?: () => void; held?: true } = {}): Pursuit {
  return new Pursuit(
    session.reach,
    target,
    (link, subscriber, seen) =>
      seen === undefined
        ? link.post(
            target.connection,
            { key: 'k', kind: { type: 'request', id: 1, method: 'm' }, payload: '{}' },
            subscriber,
          )
        : link.follow(target.connection, 'k', seen, subscriber),
    {
      entry: (offset, _payload, last) => heard.push(`${offset}${last ? '!' : ''}`),
      end: (why) => heard.push(why),
      failed: ({ code }) => heard.push(code),
      ...more,
    },
  ).start();
}
const begun = (link: FakeLink) => link.begun.map(({ kind, from }) => (from === undefined ? kind : `${kind} ${from}`));

describe('a pursuit', () => {
  it('goes on behind what it has on the next link to the same host, and hears nothing twice', async () => {
    pursue();
    await settle();
    const first = session.link();
    first.say({}, 5);
    const second = new FakeLink();
    session.links.set('files', second);
    first.lose();
    await settle();
    expect(begun(second)).toEqual(['follow 5']);
    second.say({}, 5);
    second.say({}, 6, true);
    second.say({}, 7);
    expect(heard).toEqual(['5', '6!']);
  });

  it('posts again only to the host that knows the key', async () => {
    for (const [boot, kinds] of [
      ['boot', ['post']],
      ['another', []],
    ] as const) {
      session.links.set('files', new FakeLink());
      target = session.target();
      pursue();
      await settle();
      const first = session.link();
      session.links.set('files', new FakeLink(boot));
      first.lose();
      await settle();
      expect(begun(session.link())).toEqual(kinds);
    }
    expect(heard).toEqual(['call.outcome-unknown']);
  });

  it('gives up on a host that cuts the link at each attempt', async () => {
    pursue();
    for (let n = 0; n < 50; n++) {
      await clock.advance(1000);
      if (heard.length > 0) break;
      const link = session.link();
      session.links.set('files', new FakeLink());
      link.lose();
    }
    expect(heard).toEqual(['call.outcome-unknown']);
  });

  it('that has posted its request is never told to try again', async () => {
    pursue();
    await settle();
    session.failures.set('files', new AppError('store.unavailable', 'out of reach'));
    session.link().lose();
    await settle();
    expect(heard).toEqual(['call.outcome-unknown']);
  });

  it('that was left hears nothing, and begins nothing', async () => {
    pursue().leave();
    await settle();
    expect(session.link().begun).toEqual([]);
    expect(heard).toEqual([]);
  });

  it('ends with what the host refused', async () => {
    for (const code of ['gap', 'no-stream', 'key-reused', 'server-failed'] as const) {
      pursue();
      await settle();
      session.link().last.subscriber.failed(new HostRefused(code, 'no'));
    }
    expect(heard).toEqual(['call.result-gone', 'call.result-gone', 'request.key-reused', 'server.failed']);
  });
});

describe('reaching an instance', () => {
  it('is one search for all who want it at once', async () => {
    await Promise.all([session.reach.to(target), session.reach.to(target)]);
    expect(session.link().opened).toHaveLength(1);
  });

  it('ends in time with 503, where the host accepts and says no more', async () => {
    session.link().greeting = new Promise(() => {});
    const reached = expect(session.reach.to(target)).rejects.toMatchObject({ code: 'server.busy', status: 503 });
    await clock.advance(5000);
    await reached;
    session.links.set('files', new FakeLink());
    await session.reach.to(target); // and the next one is another search
  });

  it('ends in time where nobody is there', async () => {
    session.links.delete('files');
    const reached = expect(session.reach.to(target)).rejects.toMatchObject({ code: 'server.busy' });
    await clock.advance(5000);
    await reached;
  });

  it('does not lead from an ended session into the next one of the same terminal', async () => {
    session.record = { ...session.record, nonce: 'another' };
    await expect(session.reach.to(target)).rejects.toMatchObject({ code: 'session.over' });
    expect(session.link().opened).toEqual([]);
  });

  it('is over once the connection was deleted', async () => {
    await session.reach.close(target);
    await expect(session.reach.to(target)).rejects.toMatchObject({ code: 'connection.over' });
    expect(session.link().opened).toEqual([]);
  });

  it('closes a channel that another gateway opened', async () => {
    await session.reach.close(session.target('files', true));
    expect(session.link().closed).toEqual([target.connection]);
  });

  it('closes a channel that is being opened', async () => {
    const { promise, resolve } = Promise.withResolvers<object>();
    session.link().greeting = promise;
    const reached = session.reach.to(target);
    await settle();
    const closed = session.reach.close(target);
    resolve({});
    await Promise.all([reached, closed]);
    expect(session.link().closed).toEqual([target.connection]);
  });

  it('closes nothing where nobody can be reached', async () => {
    session.failures.set('files', new AppError('server.stopped', 'it is stopped'));
    await session.reach.close(session.target('files', true));
    expect(session.link().closed).toEqual([]);
  });
});

describe('what is measured', () => {
  it('is who waits for a server, and how that ends', async () => {
    session.failures.set('files', new AppError('server.failed', 'no'));
    pursue({ held: true });
    await settle();
    expect(session.measured).toEqual([]); // it was told at once
    session.failures.set('files', new StoreUnavailable('no answer'));
    const [gone, waits] = [pursue({ held: true }), pursue({ held: true })];
    pursue(); // for which nobody waits
    await clock.advance(600);
    expect(session.measured).toEqual(['waits', 'waits']);
    gone.leave();
    await clock.advance(3000);
    expect(session.measured).toEqual(['waits', 'waits', 'gone', 'timed_out']);
    waits.leave();
    expect(session.measured).toHaveLength(4);
  });

  it('is what is no longer kept', () => {
    target.link = session.link();
    const pursuit = pursue();
    pursuit.failed(new HostRefused('gap', 'gone'));
    expect(session.measured).toEqual(['gap']);
    expect(heard).toEqual(['call.result-gone']);
  });
});
