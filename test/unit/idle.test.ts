import { afterEach, describe, expect, it } from 'vitest';
import { AppError } from '../../src/core/errors.ts';
import { settle } from '../fakes/fake-clock.ts';
import { ControlPlane, INTERVAL } from '../support/control-plane.ts';

const IDLE = 600_000;
const planes: ControlPlane[] = [];
const plane = async (idleMs = IDLE, start: 'init' | 'first-use' = 'init') => {
  const made = new ControlPlane({ start }, { idleMs }, true);
  planes.push(made);
  return made.up();
};
afterEach(async () => {
  for (const made of planes.splice(0)) {
    await made.down();
    expect(made.runtime.mostAtOnce).toBeLessThanOrEqual(1);
  }
});

const signal = new AbortController().signal;
const pathOf = (p: ControlPlane, session: string, server = 'filesystem') => {
  const { assignment, endpoint } = p.hosts.configured.findLast(
    (host) => host.assignment.session === session && host.assignment.server === server,
  ) ?? { assignment: undefined, endpoint: undefined };
  if (!assignment || endpoint?.kind !== 'unix') throw new Error('not configured');
  return endpoint.path;
};

describe('Controller: servers that nobody uses', () => {
  it('stops one whose time has come, and starts it when somebody asks', async () => {
    const p = await plane();
    const { id } = await p.open({ servers: ['filesystem'] });
    await p.clock.advance(IDLE - 1);
    expect(p.runtime.running()).toEqual([`${id}/filesystem/1`]);
    await p.clock.advance(1);
    expect(p.runtime.size).toBe(0);
    expect(await p.state(id)).toMatchObject({ phase: 'idle', incarnation: 1 });
    expect((await p.sessions.get(id)).servers.filesystem?.desired).toBe('running');
    await p.clock.advance(INTERVAL * 3);
    expect(p.runtime.started).toHaveLength(1);
    const both = Promise.all([1, 2].map(() => p.sessions.awaitReady(id, 'filesystem', signal)));
    await settle();
    for (const { state } of await both) expect(state.incarnation).toBe(1001);
    expect(p.runtime.running()).toEqual([`${id}/filesystem/1001`]);
    expect(p.runtime.started).toHaveLength(2);
  });

  it('asks a host that is used again only when its time could have come', async () => {
    const p = await plane();
    const { id } = await p.open({ servers: ['filesystem'] });
    const path = pathOf(p, id);
    let asked = 0;
    const retire = p.hosts.retire.bind(p.hosts);
    p.hosts.retire = (...question) => {
      asked += 1;
      return retire(...question);
    };
    p.hosts.usedAt.set(path, p.clock.now() + IDLE / 2);
    await p.clock.advance(IDLE + INTERVAL);
    expect(asked).toBe(1);
    expect(p.runtime.size).toBe(1);
    await p.clock.advance(IDLE / 2);
    expect(asked).toBe(2);
    expect(p.runtime.size).toBe(0);
    expect(await p.sessions.end(id)).toBe(true);
  });

  it('leaves alone what is in use, what does not answer, and everything if it is told so', async () => {
    const p = await plane();
    const { id } = await p.open({ keep: true });
    p.hosts.usedAt.set(pathOf(p, id), Number.POSITIVE_INFINITY);
    p.hosts.silent.add(pathOf(p, id, 'proxmox'));
    await p.clock.advance(IDLE * 2);
    expect(p.runtime.running()).toHaveLength(2);
    const never = await plane(0);
    await never.open();
    await never.clock.advance(IDLE * 2);
    expect(never.runtime.running()).toHaveLength(2);
  });

  it('adopts the time of what ran before it', async () => {
    const p = await plane();
    await p.open({ servers: ['filesystem'] });
    await p.clock.advance(IDLE / 2);
    await p.restart();
    await p.clock.advance(IDLE / 2);
    expect(p.runtime.size).toBe(0);
  });

  it('goes on after a manager that ended when the host had agreed', async () => {
    const p = await plane();
    const { id } = await p.open({ servers: ['filesystem'] });
    p.hosts.onRetired = async () => {
      p.store.down = true;
    };
    await p.clock.advance(IDLE);
    expect(await p.runtime.running()).toHaveLength(1);
    await p.down();
    p.store.down = false;
    p.hosts.onRetired = async () => {};
    await p.restart();
    expect(await p.state(id)).toMatchObject({ phase: 'idle' });
    expect(p.runtime.size).toBe(0);
  });

  it.each(['restart', 'stop'] as const)('heeds a %s that comes when the host has agreed', async (action) => {
    const p = await plane();
    const { id } = await p.open({ servers: ['filesystem'] });
    p.hosts.onRetired = async () => {
      await p.sessions.setServer(id, 'filesystem', action);
    };
    await p.clock.advance(IDLE + INTERVAL);
    expect((await p.state(id)).phase).toBe(action === 'stop' ? 'stopped' : 'ready');
    expect(p.runtime.running()).toEqual(action === 'stop' ? [] : [`${id}/filesystem/1001`]);
  });

  it('starts it again at once for who comes while it is being stopped', async () => {
    const p = await plane();
    const { id } = await p.open({ servers: ['filesystem'] });
    const gate = Promise.withResolvers<void>();
    p.runtime.stopGate = gate.promise;
    await p.clock.advance(IDLE);
    const ready = p.sessions.awaitReady(id, 'filesystem', signal);
    await settle();
    expect(p.runtime.running()).toEqual([`${id}/filesystem/1`]);
    gate.resolve();
    await settle();
    expect((await ready).state.incarnation).toBe(1001);
  });

  it.each(['lazy', 'first-use'] as const)('starts nothing before its first use (%s)', async (how) => {
    const p = await plane(IDLE, how === 'lazy' ? 'init' : 'first-use');
    const { id } = await p.open(how === 'lazy' ? { lazy: true } : {});
    await p.clock.advance(INTERVAL * 2);
    expect(p.runtime.started).toEqual([]);
    const ready = p.sessions.awaitReady(id, 'proxmox', signal);
    await settle();
    await ready;
    expect(p.runtime.running()).toEqual([`${id}/proxmox/1001`]);
    await p.sessions.setServer(id, 'filesystem', 'start');
    await settle();
    expect(p.runtime.running()).toHaveLength(2);
  });

  it('starts an idle one of a session that moved with what is right then', async () => {
    const p = await plane(IDLE, 'first-use');
    const { id } = await p.open();
    await p.open({ workspace: '/elsewhere' });
    expect(p.runtime.started).toEqual([]);
    const ready = p.sessions.awaitReady(id, 'filesystem', signal);
    await settle();
    await ready;
    expect(p.runtime.started[0]?.workspace).toBe('/elsewhere');
  });
});

describe('Controller: an engine that is down', () => {
  it('is no failure of the server: tried for ever, and it is known why', async () => {
    const p = await plane();
    const start = p.runtime.start.bind(p.runtime);
    let tries = 0;
    p.runtime.start = async () => {
      tries += 1;
      throw new AppError('runtime.unavailable', 'the engine is down');
    };
    const { id } = await p.open({ servers: ['filesystem'] });
    await p.clock.advance(120_000);
    const state = await p.state(id);
    expect(state).toMatchObject({ phase: 'failed', reason: 'the engine is down', failures: 0, outages: tries });
    expect(tries).toBeGreaterThan(10);
    await p.clock.advance(600_000);
    expect(tries).toBeGreaterThan(30);
    p.runtime.start = start;
    await p.clock.advance(15_000);
    const ready = await p.state(id);
    expect(ready).toMatchObject({ phase: 'ready', incarnation: tries + 1 });
    expect(ready).not.toHaveProperty('failures');
  });

  it('stops nothing, and is said once', async () => {
    const p = await plane(0);
    await p.open();
    const list = p.runtime.list.bind(p.runtime);
    // biome-ignore lint/correctness/useYield: it fails at once
    p.runtime.list = async function* () {
      throw new AppError('runtime.unavailable', 'the engine is down');
    };
    await p.clock.advance(60_000);
    expect(p.log.warnings).toEqual([expect.stringContaining('out of reach')]);
    p.runtime.list = list;
    await p.clock.advance(15_000);
    expect(p.runtime.running()).toHaveLength(2);
    expect(p.runtime.stopped).toEqual([]);
  });
});
