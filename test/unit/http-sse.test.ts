import type { IncomingMessage } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ConnectionRecord } from '../../src/core/connection.ts';
import { HostRefused } from '../../src/core/host-link.ts';
import { newConnectionId } from '../../src/core/ids.ts';
import { LocalSignals } from '../../src/core/local-signals.ts';
import { UNMEASURED } from '../../src/core/meter.ts';
import type { ServerRecord } from '../../src/core/session.ts';
import { Connections } from '../../src/gateway/mcp/connections.ts';
import { addressOf, endpointOf, placeOf } from '../../src/gateway/mcp/http-sse/address.ts';
import { isHeld } from '../../src/gateway/mcp/http-sse/held.ts';
import { HttpSse } from '../../src/gateway/mcp/http-sse/http-sse.ts';
import type { LiveSession } from '../../src/gateway/mcp/live-session.ts';
import { SessionCache } from '../../src/gateway/mcp/session-cache.ts';
import { Tokens } from '../../src/sessions/tokens.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { FakeClock, settle } from '../fakes/fake-clock.ts';
import { FakeLink, FakeSession } from '../fakes/fake-link.ts';
import { FakeReply } from '../fakes/fake-reply.ts';
import { MemoryStore } from '../fakes/memory-store.ts';
import { connectionRecord } from '../support/records.ts';

const GRACE_MS = 500;
const ORPHANED_MS = 10 * 60_000;
const LIMIT = 3;
const INITIALIZE = {
  jsonrpc: '2.0',
  id: 0,
  method: 'initialize',
  params: { protocolVersion: '2024-11-05', capabilities: {}, clientInfo: { name: 'anew', version: '1' } },
};

describe('an address', () => {
  const id = newConnectionId();

  it('[sse.endpoint] is read as it was written', () => {
    for (const address of [{ id }, { id, server: 'files' }]) {
      expect(addressOf(endpointOf(address, undefined))).toEqual(address);
      expect(addressOf(endpointOf(address, 'token').replace('session_id', 'sessionId'))).toEqual(address);
    }
    expect(endpointOf({ id }, 'token')).toBe(`/t/token/messages/?session_id=${id}`);
  });

  it('[sse.endpoint] that was not written here is none', () => {
    expect(addressOf('/messages/')).toBe('absent');
    for (const text of ['', 'x', `${id}x`, `${id}.`, `${id}.a.b`, `${id}.a_b`, `${id}%0A`]) {
      expect(addressOf(`/messages/?session_id=${text}`), text).toBe('malformed');
    }
  });

  it('[sse.adopt] with a place in it is read as it was written', () => {
    expect(placeOf(`${id}*files:7`)).toEqual({ id, cursor: { kind: 'standalone', offsets: new Map([['files', 7]]) } });
    expect(placeOf(`${id}*`)?.cursor.offsets.size).toBe(0);
    for (const text of ['', '*', '*files:7', id, `${id}*files`, `${id.slice(1)}*`, `${id}.x.1.MQ`]) {
      expect(placeOf(text), text).toBeUndefined();
    }
  });
});

describe('a stream of HTTP+SSE', () => {
  let clock: FakeClock;
  let store: MemoryStore;
  let session: FakeSession;
  let signals: LocalSignals;
  let cache: SessionCache;
  let sse: HttpSse;
  let token: string;

  beforeEach(async () => {
    clock = new FakeClock();
    store = new MemoryStore(clock);
    session = new FakeSession(clock);
    const instance = { name: '1', endpoint: { kind: 'unix', path: 'files' }, startedAt: 0 } as const;
    const state = { phase: 'ready', incarnation: 1, since: 0, instance } as const;
    session.record = {
      ...session.record,
      servers: { files: { desired: 'running', generation: 0, state } },
      idleTtlMs: 24 * 3_600_000,
      maxAt: clock.now() + 48 * 3_600_000,
    };
    await store.create(session.record);
    session.link().onPost = ({ subscriber }) => subscriber.end('done');
    signals = new LocalSignals();
    const tokens = new Tokens(Buffer.alloc(32), clock);
    token = tokens.issue(session.record);
    const log = createLogger({ level: 'error' });
    cache = new SessionCache({ store, signals, tokens, clock, log, holdMs: 1000 });
    const { reach } = session;
    const connections = new Connections({
      sessions: cache,
      store,
      reach,
      clock,
      connectionsPerSession: LIMIT,
      version: '1',
    });
    sse = new HttpSse({ sessions: cache, connections, reach, clock });
  });
  afterEach(() => cache[Symbol.dispose]());

  const exchange = (url: string, headers: object, reply: FakeReply) => {
    const req = { url, headers: { authorization: `Bearer ${token}`, ...headers } } as IncomingMessage;
    return { req, reply, server: 'files', measure: () => UNMEASURED.operation('', undefined, '', 0) };
  };
  /** Opens a stream; resolves when its endpoint was sent. */
  async function open(lastEventId?: string): Promise<FakeReply & { readonly id: string }> {
    const reply = new FakeReply();
    const headers = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
    void sse.open(exchange('/sse/files', headers, reply));
    await settle();
    const [, id = ''] =
      /^\/messages\/\?session_id=(\w+)\.files #\1\*\S*\nevent: endpoint$/.exec(reply.said[0] ?? '') ?? [];
    expect(id).not.toBe('');
    return Object.assign(reply, { id });
  }
  async function initialize(id: string): Promise<string[]> {
    const reply = new FakeReply();
    await sse.post(exchange(`/messages/?session_id=${id}.files`, {}, reply), INITIALIZE, Buffer.from('{}'));
    await settle();
    return reply.said;
  }
  /** A connection that another replica has made, without a signal that would have come here. */
  async function added(change: Partial<ConnectionRecord> = {}): Promise<ConnectionRecord> {
    const base = { ...connectionRecord(session.record.id), server: 'files', transport: 'sse', createdAt: clock.now() };
    const record = { ...base, ...change } as ConnectionRecord;
    await store.add(record);
    return record;
  }
  const follows = () => session.link().begun.filter(({ kind }) => kind === 'follow');
  const stored = async () => (await store.connections(session.record.id)).map(({ id }) => id);

  it('[sse.any-replica] has what is said in its connection from the beginning on, as soon as it exists, also without a signal', async () => {
    const { id } = await open();
    await clock.advance(60_000);
    expect(follows()).toEqual([]);
    await added({ id });
    await clock.advance(5000);
    expect(follows()).toMatchObject([{ channel: id, name: '', from: 0, mode: undefined }]);
  });

  it('ends when nobody initializes a connection for it, and keeps its id for who comes back', async () => {
    const stream = await open();
    await clock.advance(299_000);
    expect(stream.said).toHaveLength(1);
    await clock.advance(6000);
    expect(stream.said.slice(1)).toEqual(['<end>']);
    expect((await open(`${stream.id}*`)).id).toBe(stream.id);
  });

  it('[sse.any-replica] has its connection at once where the signal is heard', async () => {
    const { id } = await open();
    await clock.advance(60_000);
    await added({ id });
    signals.publish(session.record.id);
    await settle();
    expect(follows()).toMatchObject([{ channel: id, from: 0 }]);
  });

  it('[sse.message] sends what is said as it is, with the place of each message', async () => {
    const reply = await open();
    expect(await initialize(reply.id)).toEqual(['<202>']);
    session.link().say({ method: 'x' }, 12);
    expect(reply.said.at(-1)).toBe(`{"jsonrpc":"2.0","method":"x"} #${reply.id}*files:12\nevent: message`);
    const [told] = session.link().begun.filter(({ kind }) => kind === 'post');
    expect(told?.message).toMatchObject({ id: 0, result: { protocolVersion: '2024-11-05' } });
    reply.close();
    await settle();
    expect(follows().every(({ left }) => left)).toBe(true);
  });

  it('[sse.adopt] that has ended already leaves what comes then to the next one', async () => {
    const reply = await open();
    await initialize(reply.id);
    reply.closed = true; // its end has not arrived yet
    const said = reply.said.length;
    const [follow] = follows();
    expect(follow?.subscriber.entry(5, Buffer.from('{"jsonrpc":"2.0","id":1,"result":{}}'), false, false)).toBe(false);
    expect(reply.said).toHaveLength(said);
  });

  it('[sse.adopt] of an orphan waits whether its client was started anew, and then goes on where the last one ended', async () => {
    const { id } = await added();
    expect((await open()).id).toBe(id);
    await clock.advance(GRACE_MS - 1);
    expect(follows()).toEqual([]);
    await clock.advance(1);
    expect(follows()).toMatchObject([{ channel: id, from: undefined, mode: 'free' }]);
  });

  it('[sse.adopt] of an orphan keeps it, also where the host has not noticed yet that the link to it was lost', async () => {
    const { id } = await added();
    await open();
    await clock.advance(GRACE_MS);
    const lost = session.link();
    session.links.set('files', new FakeLink());
    lost.lose();
    await settle();
    expect(follows()).toMatchObject([{ channel: id, mode: undefined }]);
  });

  it('[sse.adopt] of an orphan that somebody else was faster to adopt ends, for its client to come back', async () => {
    await added();
    const reply = await open();
    await clock.advance(GRACE_MS);
    follows()[0]?.subscriber.failed(new HostRefused('followed', 'Somebody else follows it'));
    await clock.advance(10_000);
    expect(reply.said.at(-1)).toBe('<end>');
  });

  it('[sse.adopt] of an orphan whose client was started anew begins anew', async () => {
    const { id } = await added();
    await open();
    await clock.advance(GRACE_MS - 1);
    expect(await initialize(id)).toEqual(['<202>']);
    expect(session.link().closed).toEqual([id]);
    await clock.advance(1);
    expect(follows()).toMatchObject([{ channel: id, from: 0, mode: undefined }]);
  });

  it('[sse.adopt] that is followed while its client initializes it anew follows the new channel', async () => {
    const reply = await open();
    await initialize(reply.id);
    await clock.advance(1);
    const [before] = follows();
    before?.subscriber.end('closed');
    await settle();
    expect(reply.said.at(-1)).not.toBe('<end>');
    await initialize(reply.id);
    expect(follows()).toHaveLength(2);
    expect(follows()[1]).toMatchObject({ channel: reply.id, from: 0 });
  });

  it('[sse.adopt] ends when another one of its connection has taken over', async () => {
    const reply = await open();
    await initialize(reply.id);
    follows()[0]?.subscriber.end('replaced');
    await clock.advance(60_000);
    expect(reply.said.at(-1)).toBe('<end>');
    expect(follows()).toHaveLength(1);
  });

  it('[sse.adopt] with a place goes on there, at once', async () => {
    const [one] = [await added(), await added()];
    await open(`${one.id}*files:5`);
    expect(follows()).toMatchObject([{ channel: one.id, from: 5, mode: undefined }]);
  });

  it('[sse.adopt] of a client that had not initialized its connection keeps its id', async () => {
    const { id } = await open();
    expect((await open(`${id}*`)).id).toBe(id);
  });

  it('[sse.adopt] is never of a connection of another server or transport', async () => {
    const others = [await added({ server: 'other' }), connectionRecord(session.record.id)];
    await store.add(others[1] as ConnectionRecord);
    const ids = others.map((record) => record.id);
    expect(ids).not.toContain((await open()).id);
    for (const id of ids) {
      expect(ids).not.toContain((await open(`${id}*files:5`)).id);
      const reply = new FakeReply();
      const post = sse.post(exchange(`/messages/?session_id=${id}.files`, {}, reply), INITIALIZE, Buffer.from('{}'));
      await expect(post).rejects.toMatchObject({ code: 'connection.over' });
    }
  });

  it('[sse.adopt] of one among several orphans is another connection, initialized as the newest was', async () => {
    await added();
    await clock.advance(1);
    const initialize = { ...INITIALIZE.params, clientInfo: { name: 'newest', version: '1' } };
    const newest = await added({ initialize });
    const { id } = await open();
    expect(await store.find(session.record.id, id)).toMatchObject({ transport: 'sse', server: 'files', initialize });
    expect(id).not.toBe(newest.id);
    await clock.advance(GRACE_MS);
    expect(follows()).toMatchObject([{ channel: id, mode: undefined }]);
  });

  it('[sse.adopt] ends orphans that nobody came back for, but the newest', async () => {
    const oldest = await added();
    await clock.advance(1);
    const newest = await added();
    const first = await open();
    first.close();
    await store.remove(session.record.id, first.id);
    await clock.advance(ORPHANED_MS);
    expect(await stored()).toContain(oldest.id);
    await clock.advance(1);
    const second = await open();
    expect(second.id).toBe(newest.id); // the only one left
    expect(await stored()).toEqual([newest.id]);
    expect(session.link().closed).toEqual([oldest.id]);
  });

  it('[sse.adopt] ends the oldest orphan where the session has as many connections as it may have', async () => {
    const made: string[] = [];
    for (let n = 0; n < LIMIT; n++) {
      made.push((await added()).id);
      await clock.advance(1);
    }
    const { id } = await open();
    expect(await stored()).toEqual([...made.slice(1), id]);
  });

  it('[sse.adopt] knows for how long nobody has come back, whatever else is opened', async () => {
    const servers = { ...session.record.servers, other: session.record.servers.files as ServerRecord };
    const before = session.record;
    session.record = { ...before, version: before.version + 1, servers };
    await store.replace(session.record);
    signals.publish(session.record.id);
    const oldest = await added();
    await clock.advance(1);
    await added();
    const first = await open();
    first.close();
    await store.remove(session.record.id, first.id);
    await clock.advance(ORPHANED_MS / 2);
    const other = new FakeReply();
    const { id } = await added({ server: 'other' });
    void sse.open({ ...exchange('/sse/other', {}, other), server: 'other' });
    await settle();
    other.close();
    await store.remove(session.record.id, id); // not one too many
    await clock.advance(ORPHANED_MS / 2 + 1);
    await open();
    expect(await stored()).not.toContain(oldest.id);
  });

  it('[sse.adopt] never ends a connection whose server cannot say whether somebody listens', async () => {
    const oldest = await added();
    await clock.advance(1);
    await added();
    const { files } = session.record.servers;
    const state = {
      phase: 'failed',
      incarnation: 1,
      since: 0,
      reason: 'it is broken',
      failures: 9,
      retryAt: 1,
    } as const;
    const down = {
      ...session.record,
      version: session.record.version + 1,
      servers: { files: { ...files, state } as ServerRecord },
    };
    session.record = down;
    await store.replace(down);
    signals.publish(down.id);
    await settle();
    (await open()).close();
    await clock.advance(ORPHANED_MS + 1);
    await open();
    expect(await stored()).toContain(oldest.id);
  });

  it('[sse.adopt] opens no channel to find out whether a connection is an orphan', async () => {
    const both = new FakeSession(clock, ['files', 'pve']);
    const ready = (name: string): ServerRecord => {
      const instance = { name: '1', endpoint: { kind: 'unix', path: name }, startedAt: 0 } as const;
      return { desired: 'running', generation: 0, state: { phase: 'ready', incarnation: 1, since: 0, instance } };
    };
    const servers = { files: ready('files'), pve: ready('pve') };
    const live = { record: { ...both.record, servers } } as unknown as LiveSession;
    both.link('files').recall = async () => Buffer.from(JSON.stringify(both.connection));
    expect(await isHeld({ reach: both.reach, clock }, live, both.connection)).toBe(false);
    expect(both.link('pve').opened).toEqual([]); // its instance is a new one
  });

  it('[sse.message] tells the outcome of a call, also where its server comes back late', async () => {
    const { id } = await added();
    session.link().onPost = () => {};
    const call = { jsonrpc: '2.0', id: 7, method: 'tools/call', params: {} };
    const posted = exchange(`/messages/?session_id=${id}.files`, {}, new FakeReply());
    await sse.post(posted, call, Buffer.from(JSON.stringify(call)));
    const lost = session.link();
    session.links.delete('files');
    lost.lose();
    await clock.advance(60_000); // longer than a request is held
    const next = new FakeLink('another');
    next.onPost = ({ subscriber }) => subscriber.end('done');
    session.links.set('files', next);
    await clock.advance(60_000);
    const outcome = { id: 7, error: { message: expect.stringContaining('unknown') } };
    expect(next.begun.map(({ message }) => message)).toMatchObject([outcome]);
  });
});
