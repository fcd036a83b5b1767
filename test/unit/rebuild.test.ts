import { afterEach, describe, expect, it } from 'vitest';
import { RecordMemory } from '../../src/controller/record-memory.ts';
import { changed } from '../../src/core/session.ts';
import { findRecord } from '../../src/sessions/find-record.ts';
import { RecordSeal } from '../../src/sessions/record-seal.ts';
import { settle } from '../fakes/fake-clock.ts';
import { ControlPlane, INTERVAL } from '../support/control-plane.ts';
import { sessionRecord } from '../support/records.ts';

const planes: ControlPlane[] = [];
const plane = async (started = true) => {
  const made = new ControlPlane({}, {}, true);
  planes.push(made);
  return started ? made.up() : made;
};
afterEach(async () => {
  for (const made of planes.splice(0)) {
    await made.down();
    expect(made.runtime.mostAtOnce).toBeLessThanOrEqual(1);
  }
});

const pathOf = (p: ControlPlane, server: string) => {
  const host = p.hosts.configured.findLast(({ assignment }) => assignment.server === server);
  return host?.endpoint.kind === 'unix' ? host.endpoint.path : '';
};

describe('Controller: an emptied store', () => {
  it('comes back with every session, and nothing is stopped or started', async () => {
    const p = await plane();
    const { id, nonce } = await p.open({ variables: { PROXMOX_TOKEN: 's' } });
    const other = await p.open({ servers: ['filesystem'] }, 2);
    const running = p.runtime.running();
    const before = await p.sessions.get(id);
    p.store.empty();
    await p.clock.advance(INTERVAL);
    expect(await p.sessions.get(id)).toMatchObject({ ...before, version: before.version + 1, nonce });
    expect(await p.state(other.id)).toMatchObject({ phase: 'ready', incarnation: 1 });
    await p.clock.advance(INTERVAL * 3);
    expect(p.runtime.running()).toEqual(running);
    expect([p.runtime.started.length, p.runtime.stopped.length]).toEqual([3, 0]);
    expect(p.runtime.forgotten).toEqual([]);
  });

  it('comes back to a new controller, from the hosts alone, with servers that run as they run', async () => {
    const p = await plane();
    const { id } = await p.open();
    p.runtime.die(id, 'proxmox');
    await p.clock.advance(INTERVAL + 100);
    expect(p.runtime.running()).toEqual([`${id}/filesystem/1`, `${id}/proxmox/2`]);
    p.runtime.vanish(id, 'filesystem');
    await p.down();
    p.store.empty();
    await p.restart();
    expect(await p.state(id, 'proxmox')).toMatchObject({ phase: 'ready', incarnation: 2 });
    expect(await p.state(id)).toMatchObject({ phase: 'idle', incarnation: 1 });
    const ready = p.sessions.awaitReady(id, 'filesystem', new AbortController().signal);
    await settle();
    expect((await ready).state.incarnation).toBe(1001);
    expect(p.runtime.stopped.map(({ labels }) => labels.incarnation)).toEqual([1]); // the dead one was cleared away
  });

  it('comes back to the next controller of the same process with what nobody runs for', async () => {
    const memory = new RecordMemory();
    const p = new ControlPlane({ start: 'first-use' }, { memory }, true);
    planes.push(await p.up());
    const { id } = await p.open();
    await p.clock.advance(INTERVAL);
    p.store.empty(); // and with it the lease
    await p.restart();
    expect(await p.state(id)).toMatchObject({ phase: 'idle' });
    await p.sessions.end(id);
    await settle();
    p.store.empty();
    await p.restart();
    await expect(p.sessions.get(id)).rejects.toMatchObject({ code: 'session.over' });
  });

  it('still knows, with a complete store, what was ended while nobody was there', async () => {
    const p = await plane();
    const { id } = await p.open();
    await p.down();
    await p.store.delete(id);
    await p.restart();
    expect(p.runtime.size).toBe(0);
  });

  it('does not make a caller believe that a session is over, and is mended because somebody asks', async () => {
    const p = await plane();
    const { id, owner } = await p.open();
    p.store.empty();
    await expect(findRecord(p.store, id)).rejects.toMatchObject({ code: 'store.unavailable' });
    const asked = p.sessions.get(id);
    await p.clock.advance(300); // far less than the interval
    expect(await asked).toMatchObject({ id, owner });
  });

  it('holds back the end of a session until it is there again, and then ends it for good', async () => {
    const p = await plane();
    const { id } = await p.open();
    await p.down();
    p.store.empty();
    const ended = p.sessions.end(id);
    await p.clock.advance(1000);
    expect(p.runtime.size).toBe(2);
    await p.restart();
    await p.clock.advance(INTERVAL);
    expect(await ended).toBe(true);
    await p.clock.advance(INTERVAL * 2);
    expect(p.runtime.size).toBe(0);
    await expect(p.sessions.get(id)).rejects.toMatchObject({ code: 'session.over' });
  });

  it('makes no session before it is complete, so that none takes the place of one that comes back', async () => {
    const p = await plane();
    const { id, nonce } = await p.open();
    await p.down();
    p.store.empty();
    const opened = p.open();
    await p.clock.advance(1000);
    await p.restart();
    await p.clock.advance(INTERVAL);
    expect(await opened).toMatchObject({ id, nonce });
    expect(p.runtime.running()).toHaveLength(2);
  });

  it.each(['before the instance runs', 'before the host has its assignment'])(
    'goes on with a start in whose middle it came (%s)',
    async (moment) => {
      const p = await plane();
      const gate = Promise.withResolvers<void>();
      if (moment === 'before the instance runs') p.runtime.modes.set('filesystem', 7000);
      else p.hosts.gate = gate.promise;
      const { id } = await p.open({ servers: ['filesystem'] });
      p.store.empty();
      await p.clock.advance(INTERVAL);
      gate.resolve();
      await p.clock.advance(INTERVAL * 2);
      const state = await p.state(id);
      expect(state).toMatchObject({ phase: 'ready', incarnation: 1 });
      expect(state).not.toHaveProperty('failures');
      expect(p.runtime.started).toHaveLength(1);
    },
  );

  it('is looked at again when it is emptied while it is read, or once more while it is mended', async () => {
    const p = await plane();
    const { id } = await p.open();
    p.store.empty();
    let times = 0;
    const create = p.store.create.bind(p.store);
    p.store.create = async (record) => {
      const made = await create(record);
      if (++times <= 2) p.store.empty();
      return made;
    };
    const list = p.store.list.bind(p.store);
    p.store.list = async function* () {
      if (times === 3) {
        times = 4;
        p.store.empty();
      }
      yield* list();
    };
    await p.clock.advance(INTERVAL * 4);
    expect(times).toBeGreaterThan(4);
    expect((await p.sessions.get(id)).id).toBe(id);
    expect(p.runtime.running()).toHaveLength(2);
    expect(p.runtime.stopped).toEqual([]);
  });

  it('waits for a host that hangs, and tells nobody meanwhile that its session is over', async () => {
    const p = await plane();
    const { id, owner } = await p.open({ servers: ['filesystem'] });
    p.hosts.silent.add(pathOf(p, 'filesystem'));
    await p.down();
    p.store.empty();
    p.controller = p.newController(); // which remembers nothing
    await p.up();
    const asked = p.sessions.get(id);
    await p.clock.advance(10_000);
    expect(await p.store.generation()).toBeUndefined();
    p.hosts.silent.clear();
    await p.clock.advance(INTERVAL);
    expect(await asked).toMatchObject({ id, owner });
  });

  it('leaves alone what does not answer, until it does or its time is over', async () => {
    const p = await plane();
    const hung = await p.open({ servers: ['filesystem'] });
    const foreign = await p.open({ servers: ['proxmox'] }, 2);
    p.hosts.silent.add(pathOf(p, 'filesystem'));
    await p.down();
    p.store.empty();
    // Its host knows a secret of another key.
    const [, host] = p.hosts.configured;
    if (host) p.hosts.configured[1] = { ...host, secret: 'another' };
    p.controller = p.newController();
    await p.up();
    await p.clock.advance(INTERVAL * 4);
    expect(p.runtime.running()).toHaveLength(2);
    expect((await p.controller.cleanup()).orphans).toBe(0);
    p.hosts.silent.clear();
    await p.clock.advance(INTERVAL * 2);
    expect(await p.state(hung.id)).toMatchObject({ phase: 'ready', incarnation: 1 });
    expect(p.runtime.running()).toHaveLength(2);
    await p.clock.advance(foreign.maxAt - p.clock.now() + INTERVAL);
    expect(p.runtime.running()).toEqual([]);
  });

  it('stops nothing while the store is out of reach in between', async () => {
    const p = await plane();
    const { id } = await p.open();
    p.store.down = true;
    await p.clock.advance(60_000);
    p.store.empty();
    p.store.down = false;
    await p.clock.advance(20_000);
    expect(await p.state(id)).toMatchObject({ phase: 'ready', incarnation: 1 });
    expect(p.runtime.stopped).toEqual([]);
  });
});

describe('RecordSeal', () => {
  const record = sessionRecord(1);
  const seal = new RecordSeal(Buffer.alloc(32, 1));

  it('opens for the very session only, and not after a change', () => {
    const sealed = seal.seal(record);
    expect(seal.open(record, sealed)).toEqual(record);
    expect(sealed).not.toContain(Buffer.from(record.owner).toString('base64url'));
    expect(() => seal.open({ ...record, nonce: 'other' }, sealed)).toThrow();
    expect(() => new RecordSeal(Buffer.alloc(32, 2)).open(record, sealed)).toThrow();
    expect(() => seal.open(record, `${sealed.slice(0, -2)}AA`)).toThrow();
    expect(seal.open(record, seal.seal(changed(record, { keep: true })))).toMatchObject({ keep: true });
  });
});
