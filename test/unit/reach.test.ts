import { beforeEach, describe, expect, it } from 'vitest';
import { StoreEmptied, StoreUnavailable } from '../../src/core/errors.ts';
import type { ServerState, SessionRecord } from '../../src/core/session.ts';
import { Reach } from '../../src/gateway/mcp/reach.ts';
import { newTarget } from '../../src/gateway/mcp/single-conversation.ts';
import { FakeClock } from '../fakes/fake-clock.ts';
import { FakeSession } from '../fakes/fake-link.ts';
import { ControlPlane } from '../support/control-plane.ts';
import { connectionRecord } from '../support/records.ts';

const HOLD_MS = 1000; // of a FakeSession

describe('reaching a server', () => {
  let clock: FakeClock;
  let session: FakeSession;
  beforeEach(() => {
    clock = new FakeClock();
    session = new FakeSession(clock);
  });

  it('waits for a store that is out of reach', async () => {
    session.failures.set('files', new StoreUnavailable('no answer'));
    const reached = session.reach.to(session.target());
    await clock.advance(HOLD_MS / 2);
    session.failures.clear();
    await clock.advance(HOLD_MS);
    expect((await reached).link).toBe(session.link());
  });

  it('says that the store is out of reach when it stays so', async () => {
    session.failures.set('files', new StoreUnavailable('no answer'));
    const failed = expect(session.reach.to(session.target())).rejects.toMatchObject({
      code: 'store.unavailable',
      retryAfter: 1,
    });
    await clock.advance(2 * HOLD_MS);
    await failed;
  });

  it('does not wait for an emptied store, for which whoever looked has waited', async () => {
    session.failures.set('files', new StoreEmptied());
    await expect(session.reach.to(session.target())).rejects.toBeInstanceOf(StoreEmptied);
  });
});

describe('closing a channel', () => {
  it('starts no server', async () => {
    const plane = new ControlPlane();
    const { sessions, signals, clock, keys } = plane;
    const links = { to: () => Promise.reject(new Error('nobody is there')), [Symbol.asyncDispose]: async () => {} };
    const reach = new Reach({ sessions, keys, links, signals, clock, holdMs: HOLD_MS });
    const record = await plane.open({ lazy: true });
    const closed = reach.close(newTarget(record, connectionRecord(record.id), 'filesystem', true));
    await clock.advance(10 * HOLD_MS);
    await closed;
    expect((await sessions.get(record.id)).servers).toEqual(record.servers);
  });
});

describe('a connection that the store has lost', () => {
  const withState = (record: SessionRecord, state: ServerState): SessionRecord => ({
    ...record,
    servers: { files: { desired: 'running', generation: 0, state } },
  });

  it('is over only if no instance may be there that remembers it', async () => {
    const clock = new FakeClock();
    const { reach, record, connection } = new FakeSession(clock);
    const since = clock.now();
    const recall = (state: ServerState) => reach.recall(withState(record, state), connection.id);
    expect(await recall({ phase: 'stopped' })).toBeUndefined();
    expect(await recall({ phase: 'idle', incarnation: 1, since })).toBeUndefined();
    const instance = { name: '1', endpoint: { kind: 'unix', path: 'files' }, startedAt: 0 } as const;
    expect(await recall({ phase: 'ready', incarnation: 1, since, instance })).toBeUndefined();
    // It may be one that the controller is just finding again.
    const starting = recall({ phase: 'starting', incarnation: 1, since });
    await expect(starting).rejects.toMatchObject({ code: 'server.busy', retryAfter: 1 });
  });
});
