import { afterEach, describe, expect, it } from 'vitest';
import { Admission, type Claim } from '../../src/controller/admission.ts';
import { settle } from '../fakes/fake-clock.ts';
import { ControlPlane, INTERVAL } from '../support/control-plane.ts';

const planes: ControlPlane[] = [];
const plane = async (instances: number, queue = 1, idleMs = 0) => {
  const admission = { instances, perOwner: instances, queue };
  const made = new ControlPlane({ startQueue: queue }, { admission, idleMs }, true);
  planes.push(made);
  return made.up();
};
afterEach(async () => {
  for (const made of planes.splice(0)) await made.down();
});
const signal = new AbortController().signal;
const one = { servers: ['filesystem'] };

describe('Admission', () => {
  const claim = (session: string, owner = 'o', since = 0) => ({ session, server: 's', owner, since });

  it('is first come, first served, and nobody waits for the limit of another', () => {
    const taken: Claim[] = [claim('a', 'x'), claim('b', 'y')];
    const admission = new Admission({ instances: 3, perOwner: 1, queue: 2 }, () => taken);
    expect(admission.ask(claim('c', 'x', 1))).toBe('wait');
    expect(admission.wanted()).toEqual({ count: 1, owner: 'x' });
    expect(admission.ask(claim('a', 'x', 2))).toBe('go'); // runs already
    expect(admission.ask(claim('d', 'z', 3))).toBe('go');
    taken.push(claim('d', 'z'));
    expect(admission.ask(claim('e', 'w', 4))).toBe('wait');
    expect(admission.wanted()).toEqual({ count: 2, owner: undefined });
    expect(admission.ask(claim('f', 'v', 5))).toBe('full');
    taken.shift();
    expect(admission.admitted().map(({ session }) => session)).toEqual(['c']);
    expect(admission.ask(claim('f', 'v', 6))).toBe('full');
    expect(admission.ask(claim('e', 'w', 7))).toBe('wait'); // c was first
    expect(admission.ask(claim('c', 'x', 8))).toBe('go');
    taken.push(claim('c', 'x'));
    admission.leave('e', 's');
    expect(admission.wanted().count).toBe(0);
  });
});

describe('Controller: no place for all', () => {
  it('lets a start wait, says why, and starts it when there is a place', async () => {
    const p = await plane(1);
    const first = await p.open(one, 1);
    const second = await p.open(one, 2);
    expect(await p.state(second.id)).toMatchObject({ phase: 'pending', reason: 'it waits for a free place' });
    const ready = p.sessions.awaitReady(second.id, 'filesystem', signal);
    await p.clock.advance(1000);
    await p.sessions.end(first.id);
    await settle();
    expect((await ready).record.id).toBe(second.id);
    expect(p.runtime.running()).toEqual([`${second.id}/filesystem/1`]);
  });

  it('keeps no place in the queue for a session that is over', async () => {
    const p = await plane(1, 1);
    await p.open(one, 1);
    const gone = await p.open(one, 2);
    expect(await p.state(gone.id)).toMatchObject({ phase: 'pending' });
    await p.sessions.end(gone.id);
    await settle();
    const next = await p.open(one, 3);
    expect(await p.state(next.id)).toMatchObject({ phase: 'pending', reason: 'it waits for a free place' });
  });

  it('keeps the order over a restart, and gives a place that is asked for no more to the next', async () => {
    const p = await plane(1, 3);
    const first = await p.open(one, 1);
    const second = await p.open(one, 2);
    await p.clock.advance(10);
    const third = await p.open(one, 3);
    await p.clock.advance(10);
    const fourth = await p.open(one, 4);
    await p.restart();
    await p.sessions.end(second.id);
    await settle();
    await p.sessions.end(first.id);
    await settle();
    expect(p.runtime.running()).toEqual([`${third.id}/filesystem/1`]);
    expect(await p.state(fourth.id)).toMatchObject({ phase: 'pending' });
  });

  it('turns away who comes when too many wait, and takes him when he comes again', async () => {
    const p = await plane(1, 1);
    const first = await p.open(one, 1);
    await p.open(one, 2);
    const late = await p.sessions
      .open('owner', { terminal: { name: 'x', host: 'h' }, workspace: '/w' })
      .catch((e) => e);
    expect(late).toMatchObject({ code: 'session.quota', status: 429, retryAfter: expect.any(Number) });
    await p.sessions.setServer(first.id, 'proxmox', 'start');
    await settle();
    expect(await p.state(first.id, 'proxmox')).toMatchObject({ phase: 'idle', reason: expect.any(String) });
    const call = p.sessions.awaitReady(first.id, 'proxmox', signal);
    await expect(call).rejects.toMatchObject({ code: 'session.quota', retryAfter: 10 });
    await p.clock.advance(INTERVAL * 3);
    await p.sessions.setServer(first.id, 'filesystem', 'stop');
    await settle();
    const again = p.sessions.awaitReady(first.id, 'proxmox', signal);
    await settle();
    expect(await p.state(first.id, 'proxmox')).toMatchObject({ phase: 'pending' });
    await p.sessions.setServer(first.id, 'proxmox', 'stop');
    await expect(again).rejects.toMatchObject({ code: 'server.stopped' });
  });

  it('makes room: what nobody has used for longest is put to rest', async () => {
    const p = await plane(2, 5, 3_600_000);
    const [oldest, used] = [await p.open(one, 1), await p.open(one, 2)];
    await p.clock.advance(120_000);
    for (const { endpoint, assignment } of p.hosts.configured)
      if (assignment.session === used.id && endpoint.kind === 'unix')
        p.hosts.usedAt.set(endpoint.path, p.clock.now() - 61_000);
    const third = await p.open(one, 3);
    await p.clock.advance(2000);
    expect(await p.state(oldest.id)).toMatchObject({ phase: 'idle' });
    expect(p.runtime.running()).toEqual([`${third.id}/filesystem/1`, `${used.id}/filesystem/1`].sort());
    // All are used: who comes now waits.
    for (const { endpoint } of p.hosts.configured)
      if (endpoint.kind === 'unix') p.hosts.usedAt.set(endpoint.path, Number.POSITIVE_INFINITY);
    const fourth = await p.open(one, 4);
    await p.clock.advance(120_000);
    expect(await p.state(fourth.id)).toMatchObject({ phase: 'pending' });
  });
});
