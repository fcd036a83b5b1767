import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newNonce } from '../../src/core/ids.ts';
import type { AuditEntry, LifecycleEvent, OperationsStore, ReplicaReport } from '../../src/core/operations.ts';
import type { Pair } from './pairs.ts';

const report = (change: Partial<ReplicaReport> = {}): ReplicaReport => ({
  id: newNonce(),
  role: 'gateway',
  version: '1.2.3',
  machine: 'laptop',
  startedAt: 1000,
  at: 2000,
  draining: false,
  troubles: [],
  ...change,
});
const event = (change: Partial<LifecycleEvent> = {}): LifecycleEvent => ({
  at: 1000,
  name: 'session.created',
  session: `pts_1-${newNonce()}${newNonce()}`,
  owner: 'somebody',
  ...change,
});
const entry = (change: Partial<AuditEntry> = {}): AuditEntry => ({
  at: 1000,
  actor: newNonce(),
  address: '192.0.2.1',
  action: 'session.end',
  outcome: 'done',
  ...change,
});

/** The contract of `OperationsStore`. Run inside a `describe`. */
export function operationsStoreContract(open: () => Promise<Pair<OperationsStore>>): void {
  let harness: Pair<OperationsStore>;
  let [a, b]: OperationsStore[] = [];
  beforeAll(async () => {
    harness = await open();
    [a, b] = harness.stores;
  });
  afterAll(async () => {
    await harness?.[Symbol.asyncDispose]();
  });
  const stores = () => [a, b] as [OperationsStore, OperationsStore];

  describe('replicas', () => replicaSuite(stores, (ms) => harness.pass(ms)));
  describe('events', () => eventSuite(stores));
  describe('audit', () => auditSuite(stores));
  describe('hits and marks', () => countSuite(stores, (ms) => harness.pass(ms)));
}

type Stores = () => [OperationsStore, OperationsStore];
type Pass = (ms: number) => Promise<void>;

function replicaSuite(stores: Stores, pass: Pass): void {
  const ids = async () => (await stores()[1].replicas()).map(({ id }) => id);

  it('are there, in the order of their start, with what they said last', async () => {
    const [a, b] = stores();
    const [late, early] = [report({ startedAt: 20 }), report({ startedAt: 10, role: 'controller', leads: false })];
    for (const one of [late, early]) await a.announce(one, 60_000);
    await a.announce({ ...early, leads: true, troubles: ['the runtime is out of reach'] }, 60_000);
    expect(await b.replicas()).toEqual([{ ...early, leads: true, troubles: ['the runtime is out of reach'] }, late]);
    for (const { id } of [late, early]) await b.withdraw(id);
    expect(await a.replicas()).toEqual([]);
  });

  it('are forgotten when they say nothing any more, and stay while they do', async () => {
    const [a] = stores();
    const [gone, there] = [report(), report()];
    await a.announce(gone, 100);
    await a.announce(there, 60_000);
    await pass(150);
    expect(await ids()).toEqual([there.id]);
    await a.announce(there, 60_000);
    expect(await ids()).toEqual([there.id]);
    await a.withdraw(there.id);
  });

  it('can be withdrawn though they are not there', async () => {
    await stores()[0].withdraw('nobody');
    expect(await ids()).toEqual([]);
  });
}

function eventSuite(stores: Stores): void {
  it('come back whole, newest first, of one session', async () => {
    const [a, b] = stores();
    const created = event();
    const failed = event({
      ...created,
      name: 'instance.failed',
      server: 'proxmox',
      incarnation: 1,
      reason: 'it "died"\n',
    });
    for (const one of [created, event(), failed]) await a.record(one);
    expect(await b.events({ session: created.session, limit: 10 })).toEqual({ items: [failed, created] });
  });

  it('come in pages that neither lack nor repeat one, though more are recorded meanwhile', async () => {
    const [a, b] = stores();
    const { session } = event();
    for (let at = 1; at <= 5; at++) await a.record(event({ session, at }));
    const first = await b.events({ session, limit: 2 });
    await a.record(event({ session, at: 6 }));
    const second = await b.events({ session, limit: 2, after: first.next as string });
    const third = await b.events({ session, limit: 2, after: second.next as string });
    const pages = [first, second, third].map(({ items }) => items.map(({ at }) => at));
    expect(pages).toEqual([[5, 4], [3, 2], [1]]);
    expect(third.next).toBeUndefined();
  });

  it('are found by owner, of all sessions and of one', async () => {
    const [a, b] = stores();
    const owner = newNonce();
    const [mine, other] = [event({ owner }), event({ owner: newNonce() })];
    for (const one of [mine, other]) await a.record(one);
    for (const look of [{ owner }, { owner, session: mine.session }])
      expect(await b.events({ ...look, limit: 10 })).toEqual({ items: [mine] });
    expect(await b.events({ owner, session: other.session, limit: 10 })).toEqual({ items: [] });
    expect((await b.events({ limit: 2 })).items).toEqual([other, mine]);
  });

  it('refuse a cursor that is none', async () => {
    for (const after of ['', 'x', '1-1-1', '; DROP TABLE events', '99999999999999999999-0', '0-0'])
      await expect(stores()[0].events({ limit: 1, after })).rejects.toMatchObject({ code: 'request.invalid' });
  });
}

function auditSuite(stores: Stores): void {
  it('has every entry, newest first, by actor and by action, in pages', async () => {
    const [a, b] = stores();
    const actor = newNonce();
    const [ended, refused] = [
      entry({ actor, target: 'x', role: 'admin' }),
      entry({ actor, action: 'login', outcome: 'refused', detail: 'wrong password' }),
    ];
    for (const one of [ended, entry(), refused]) await a.audit(one);
    expect(await b.audited({ actor, limit: 10 })).toEqual({ items: [refused, ended] });
    expect(await b.audited({ actor, action: 'login', limit: 10 })).toEqual({ items: [refused] });
    const { items, next } = await b.audited({ actor, limit: 1 });
    expect(items).toEqual([refused]);
    expect(await b.audited({ actor, limit: 1, after: next as string })).toEqual({ items: [ended] });
  });
}

function countSuite(stores: Stores, pass: Pass): void {
  it('count all hits of the window that began with the first, wherever they come in', async () => {
    const [a, b] = stores();
    const key = `login:${newNonce()}:{x}`;
    expect(await a.hit(key, 60_000)).toBe(1);
    expect(await b.hit(key, 60_000)).toBe(2);
    expect(await a.hit(`${key}2`, 60_000)).toBe(1);
    const short = `${key}3`;
    for (const store of [a, b]) await store.hit(short, 200);
    await pass(250);
    expect(await b.hit(short, 60_000)).toBe(1);
  });

  it('begin anew when they are cleared', async () => {
    const [a, b] = stores();
    const key = newNonce();
    await a.hit(key, 60_000);
    await b.clear(key);
    expect(await a.hit(key, 60_000)).toBe(1);
  });

  it('remember a mark for its time, and nothing else', async () => {
    const [a, b] = stores();
    const key = newNonce();
    expect(await b.marked(key)).toBe(false);
    await a.mark(key, 60_000);
    expect(await b.marked(key)).toBe(true);
    await a.mark(key, 200);
    await pass(250);
    expect(await b.marked(key)).toBe(false);
    await a.mark(key, 200);
    await a.mark(key, 60_000);
    await pass(250);
    expect(await b.marked(key)).toBe(true);
  });
}
