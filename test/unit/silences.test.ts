import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Silences } from '../../src/controller/silences.ts';
import { ControlPlane, INTERVAL } from '../support/control-plane.ts';

const SURVEY = 15_000;
/** An hour, in which nothing is put to rest. */
const LONG = 3_600_000;

describe('Silences', () => {
  const asked = (session: string, answered: boolean, incarnation = 1) => ({
    ...{ session, server: 's', nonce: 'n', incarnation },
    status: answered ? {} : undefined,
  });

  it('suspects an instance that has not answered three times in a row, beside others that do', () => {
    const silences = new Silences();
    const round = (...answers: boolean[]) =>
      silences.heard([asked('a', true), ...answers.map((one, n) => asked(`b${n}`, one))]).map(({ session }) => session);
    expect(round(false, false)).toEqual([]);
    expect(round(false, false)).toEqual([]);
    expect(round(false, true)).toEqual(['b0']);
    expect(round(false, false)).toEqual(['b0']);
    expect(round(true, false)).toEqual([]);
    expect(round(false, false)).toEqual(['b1']);
  });

  it('counts for each instance anew', () => {
    const silences = new Silences();
    for (let n = 0; n < 2; n++) silences.heard([asked('a', false, 1)]);
    expect(silences.heard([asked('a', false, 2)])).toEqual([]);
  });

  it('takes one for dead that was found to hang, but not a moment later, nor after a round that does not count', () => {
    const silences = new Silences();
    const labels = { session: 'a', server: 's', owner: 'o', nonce: 'n', incarnation: 1, epoch: 1, deadline: 0 };
    const endpoint = { kind: 'unix', path: '/s' } as const;
    const running = { phase: 'running', instance: { id: 'i', name: '1', startedAt: 0, endpoint, labels } } as const;
    for (let n = 0; n < 3; n++) silences.heard([asked('a', false)]);
    expect(silences.judged(running, 0)).toBe(running);
    silences.hangs(labels, 0);
    expect(silences.judged(running, 1000)).toMatchObject({ phase: 'dead', instance: running.instance });
    expect(silences.judged(running, 1001)).toBe(running);
    silences.hangs(labels, 5000);
    silences.heard([asked('a', false), asked('b', false)]);
    expect(silences.judged(running, 5000)).toBe(running);
  });

  it('says nothing of anybody while nobody answers, unless there is one session alone', () => {
    const silences = new Silences();
    for (let n = 0; n < 9; n++) expect(silences.heard([asked('a', false), asked('b', false)])).toEqual([]);
    for (let n = 0; n < 2; n++) silences.heard([asked('a', false), asked('a', false, 2)]);
    expect(silences.heard([asked('a', false), asked('a', false, 2)])).toHaveLength(2);
  });
});

describe('Controller: a host that hangs', () => {
  let p: ControlPlane;
  beforeEach(async () => {
    p = new ControlPlane({ idleTtlMs: LONG, sessionsPerOwner: 100 }, { surveyMs: SURVEY });
    await p.up();
  });
  afterEach(() => p.down());
  const pathOf = (server: string) => {
    const { endpoint } = p.hosts.configured.findLast(({ assignment }) => assignment.server === server) ?? {};
    return endpoint?.kind === 'unix' ? endpoint.path : '';
  };

  it('is replaced, once, and its record says why', async () => {
    const { id } = await p.open();
    await p.clock.advance(SURVEY);
    p.hosts.silent.add(pathOf('filesystem'));
    await p.clock.advance(60_000);
    expect(p.runtime.running()).toEqual([`${id}/filesystem/1`, `${id}/proxmox/1`]);
    await p.clock.advance(40_000);
    expect(p.runtime.running()).toEqual([`${id}/filesystem/2`, `${id}/proxmox/1`]);
    expect(await p.state(id)).toMatchObject({ phase: 'ready', incarnation: 2, failures: 1 });
    const failed = p.lifecycle.occurrences.filter(({ name }) => name === 'instance.failed');
    expect(failed).toMatchObject([{ server: 'filesystem', reason: 'its host has not answered for a minute' }]);
    await p.clock.advance(LONG / 2);
    expect(p.runtime.started).toHaveLength(3);
  });

  it('is left alone when it comes back', async () => {
    const { id } = await p.open();
    await p.clock.advance(SURVEY);
    const path = pathOf('filesystem');
    for (let n = 0; n < 10; n++) {
      p.hosts.silent.add(path);
      await p.clock.advance(45_000);
      p.hosts.silent.delete(path);
      await p.clock.advance(2 * SURVEY);
    }
    expect(p.runtime.running()).toEqual([`${id}/filesystem/1`, `${id}/proxmox/1`]);
    expect(p.runtime.stopped).toEqual([]);
  });

  it('is left alone when it comes back in the middle of a round, which takes long where many hang', async () => {
    const some = Array.from({ length: 17 }, (_, n) => n);
    for (const n of some) await p.open({ servers: ['filesystem'] }, n + 1);
    await p.clock.advance(SURVEY);
    const [, ...hang] = p.hosts.configured.map(({ endpoint }) => (endpoint.kind === 'unix' ? endpoint.path : ''));
    for (const path of hang) p.hosts.silent.add(path);
    await p.clock.advance(100_000); // two rounds, of 4 and of 30 seconds, and more than half of the third
    for (const path of hang) p.hosts.silent.delete(path);
    await p.clock.advance(4 * SURVEY);
    expect(p.runtime.running()).toHaveLength(17);
    expect(p.runtime.stopped).toEqual([]);
  });

  it('is left alone while what it runs on, or the store, is out of reach', async () => {
    const { id } = await p.open();
    await p.clock.advance(INTERVAL);
    p.hosts.condition = 'silent';
    p.store.down = true;
    await p.clock.advance(LONG / 4);
    expect(p.runtime.stopped).toEqual([]);
    p.hosts.condition = {};
    await p.clock.advance(SURVEY * 3);
    p.store.down = false;
    await p.clock.advance(SURVEY * 3);
    expect(p.runtime.running()).toEqual([`${id}/filesystem/1`, `${id}/proxmox/1`]);
  });
});
