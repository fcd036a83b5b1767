import { describe, expect, it } from 'vitest';
import { FencedStore } from '../../src/controller/fenced-store.ts';
import { changed } from '../../src/core/session.ts';
import { FakeClock, settle } from '../fakes/fake-clock.ts';
import { MemoryStore } from '../fakes/memory-store.ts';
import { ControlPlane } from '../support/control-plane.ts';
import { sessionRecord } from '../support/records.ts';

/** A store with one record in it, and the way to it of two holders of the lease. */
async function setup() {
  const clock = new FakeClock();
  const store = new MemoryStore(clock);
  const record = sessionRecord(clock.now());
  await store.create(record);
  const fenced: string[] = [];
  const holder = (name: string, epoch: number) => {
    const loss = new AbortController();
    const lease = { epoch, lost: loss.signal, [Symbol.asyncDispose]: async () => {} };
    return { loss, store: new FencedStore(store, lease, () => fenced.push(name)) };
  };
  return { store, record, fenced, old: holder('old', 5), next: holder('next', 6) };
}

describe('fenced store', () => {
  it('lets the next holder write over what the last one wrote, and not the other way round', async () => {
    const { store, record, fenced, old, next } = await setup();
    expect(await old.store.replace(changed(record, { keep: true }))).toBe(true);
    const seen = (await store.peek(record.id)) ?? record;
    expect(seen.epoch).toBe(5);
    expect(await next.store.replace(changed(seen, { keep: false }))).toBe(true);
    // What the old one has read before is no longer the version that is there.
    expect(await old.store.replace(changed(seen, { keep: true }))).toBe(false);
    expect(fenced).toEqual([]);
    // And what it reads now is closed to it.
    const now = (await old.store.peek(record.id)) ?? record;
    await expect(old.store.replace(changed(now, { keep: true }))).rejects.toMatchObject({ code: 'lease.held' });
    expect(fenced).toEqual(['old']);
    expect(await store.peek(record.id)).toMatchObject({ keep: false, epoch: 6 });
  });

  it('keeps the epoch of a record through the writes of gateways', async () => {
    const { store, record, old, next } = await setup();
    await next.store.replace(changed(record, { keep: true }));
    const seen = (await store.peek(record.id)) ?? record;
    await store.replace(changed(seen, { keep: false })); // as a gateway does
    const now = (await store.peek(record.id)) ?? record;
    await expect(old.store.replace(changed(now, { keep: true }))).rejects.toMatchObject({ code: 'lease.held' });
  });

  it('writes nothing once the lease is lost', async () => {
    const { store, record, fenced, old } = await setup();
    old.loss.abort();
    const refused = { code: 'lease.held' };
    await expect(old.store.replace(changed(record, { keep: true }))).rejects.toMatchObject(refused);
    await expect(old.store.delete(record.id)).rejects.toMatchObject(refused);
    await expect(old.store.create(sessionRecord(0))).rejects.toMatchObject(refused);
    expect(fenced).toHaveLength(3);
    expect(await store.peek(record.id)).toEqual(record);
  });
});

describe('two controllers', () => {
  it('the one that has lost the lease unawares changes no record of the other, and ends', async () => {
    const p = await new ControlPlane().up(); // epoch 1, and it is never told that it has lost the lease
    let ended = false;
    void p.ended.then(() => {
      ended = true;
    });
    p.runtime.modes.set('filesystem', 9000);
    const { id } = await p.open({ servers: ['filesystem'] });
    for (let waited = 0; (await p.state(id)).phase !== 'starting' && waited < 10; waited++) await p.clock.advance(100);
    expect(await p.sessions.get(id)).toMatchObject({ epoch: 1 });
    // The next one has the same store and a machine of its own: it goes on with the same start, and is faster.
    const other = new ControlPlane();
    const end = new AbortController();
    const nextRun = p.newController({ runtime: other.runtime }).run(end.signal);
    await settle();
    for (let waited = 0; (await p.state(id)).phase !== 'ready' && waited < 10; waited++) await p.clock.advance(100);
    const ready = await p.sessions.get(id);
    expect(ready).toMatchObject({ epoch: 2, servers: { filesystem: { state: { phase: 'ready' } } } });
    // The first one comes to the end of its start.
    await p.clock.advance(9000);
    expect(ended).toBe(true);
    expect(await p.sessions.get(id)).toEqual(ready);
    end.abort();
    await settle();
    await nextRun;
    await p.down();
  });
});
