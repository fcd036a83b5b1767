import { afterEach, describe, expect, it } from 'vitest';
import { StartGate } from '../../src/controller/start-gate.ts';
import { settle } from '../fakes/fake-clock.ts';
import { ControlPlane } from '../support/control-plane.ts';

const never = new AbortController().signal;

describe('the gate for starts', () => {
  it('lets in so many at once, the others in the order in which they came', async () => {
    const gate = new StartGate(2);
    const inside: number[] = [];
    const turns = [0, 1, 2, 3].map((n) => {
      const turn = gate.enter();
      void turn.come(never).then(() => inside.push(n));
      return turn;
    });
    await settle();
    expect(inside).toEqual([0, 1]);
    expect(turns.map(({ waits }) => waits)).toEqual([false, false, true, true]);
    turns[1]?.[Symbol.dispose]();
    await settle();
    expect(inside).toEqual([0, 1, 2]);
    turns[0]?.[Symbol.dispose]();
    await settle();
    expect(inside).toEqual([0, 1, 2, 3]);
  });

  it('is left by who does not wait any longer, whose place nobody loses', async () => {
    const gate = new StartGate(1);
    const first = gate.enter();
    const impatient = gate.enter();
    const abort = new AbortController();
    const rejected = expect(impatient.come(abort.signal)).rejects.toThrow('enough');
    abort.abort(new Error('enough'));
    await rejected;
    impatient[Symbol.dispose]();
    const last = gate.enter();
    first[Symbol.dispose]();
    await last.come(never);
    last[Symbol.dispose]();
    expect(gate.enter().waits).toBe(false);
  });
});

describe('Controller: many starts at once', () => {
  let p: ControlPlane;
  afterEach(() => p.down());

  it('takes them one after the other, says so, and measures each from its own turn', async () => {
    p = await new ControlPlane({}, { startsAtOnce: 1, startMs: 10_000 }).up();
    p.runtime.modes.set('filesystem', 8000).set('proxmox', 8000);
    const { id } = await p.open();
    const waiting = await p.state(id, 'proxmox');
    expect(await p.state(id, 'filesystem')).not.toHaveProperty('reason');
    expect(waiting).toMatchObject({ phase: 'starting', reason: 'it waits for others that are being started' });
    expect(p.runtime.started.map(({ labels }) => labels.server)).toEqual(['filesystem']);
    await p.clock.advance(8000);
    expect(await p.state(id, 'filesystem')).toMatchObject({ phase: 'ready' });
    expect(await p.state(id, 'proxmox')).toMatchObject({ phase: 'starting' });
    expect(await p.state(id, 'proxmox')).not.toHaveProperty('reason');
    await p.clock.advance(8000); // sixteen seconds after it was asked for
    expect(await p.state(id, 'proxmox')).toMatchObject({ phase: 'ready', incarnation: 1 });
    expect(p.log.warnings).toEqual([]);
  });

  it('gives the turn of one that never comes up, or is not wanted any more, to the next', async () => {
    p = await new ControlPlane({}, { startsAtOnce: 1 }).up();
    p.runtime.modes.set('filesystem', 'never');
    const { id } = await p.open();
    await p.sessions.setServer(id, 'filesystem', 'stop');
    await settle();
    expect(await p.state(id, 'filesystem')).toEqual({ phase: 'stopped' });
    expect(await p.state(id, 'proxmox')).toMatchObject({ phase: 'ready' });
  });

  it('does not start what was stopped while it waited', async () => {
    p = await new ControlPlane({}, { startsAtOnce: 1 }).up();
    p.runtime.modes.set('filesystem', 5000);
    const { id } = await p.open();
    await p.sessions.setServer(id, 'proxmox', 'stop');
    await settle();
    expect(await p.state(id, 'proxmox')).toEqual({ phase: 'stopped' });
    await p.clock.advance(5000);
    expect(p.runtime.running()).toEqual([`${id}/filesystem/1`]);
    expect(p.runtime.started).toHaveLength(1);
  });

  it('goes on with those that waited when a controller ended', async () => {
    p = await new ControlPlane({}, { startsAtOnce: 1 }).up();
    p.runtime.modes.set('filesystem', 3000).set('proxmox', 3000);
    const { id } = await p.open();
    await p.restart();
    await p.clock.advance(6000);
    expect(await p.state(id, 'filesystem')).toMatchObject({ phase: 'ready', incarnation: 1 });
    expect(await p.state(id, 'proxmox')).toMatchObject({ phase: 'ready', incarnation: 1 });
  });
});
