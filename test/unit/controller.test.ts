import { afterEach, describe, expect, it } from 'vitest';
import { isCircuitOpen } from '../../src/controller/failures.ts';
import { AppError, StoreUnavailable } from '../../src/core/errors.ts';
import { settle } from '../fakes/fake-clock.ts';
import { ControlPlane, INTERVAL } from '../support/control-plane.ts';

const planes: ControlPlane[] = [];
const plane = async () => {
  const made = new ControlPlane();
  planes.push(made);
  return made.up();
};
afterEach(async () => {
  for (const made of planes.splice(0)) {
    await made.down();
    expect(made.runtime.mostAtOnce).toBeLessThanOrEqual(1);
  }
});

describe('Controller: starting and stopping', () => {
  it('starts both servers of a new session, without any time passing', async () => {
    const p = await plane();
    const { id, nonce, maxAt } = await p.open({ variables: { PROXMOX_TOKEN: 's' } });
    const state = await p.state(id);
    expect(state).toMatchObject({ phase: 'ready', incarnation: 1, instance: { endpoint: { kind: 'unix' } } });
    expect(await p.state(id, 'proxmox')).toMatchObject({ phase: 'ready' });
    const labels = {
      session: id,
      server: 'filesystem',
      owner: 'owner',
      nonce,
      incarnation: 1,
      epoch: 1,
      deadline: maxAt,
    };
    expect(p.runtime.started).toContainEqual({ labels, workspace: '/work' });
    const told = p.hosts.configured.find(({ assignment }) => assignment.server === 'proxmox');
    expect(told?.assignment.variables).toEqual({ PROXMOX_TOKEN: 's' });
    expect(told?.secret).toBe(p.keys.secretOf({ id, nonce }, 'proxmox', 1));
    expect(JSON.stringify(await p.sessions.get(id))).not.toContain('labels');
  });

  it('starts them in parallel', async () => {
    const p = await plane();
    p.runtime.modes.set('filesystem', 3000).set('proxmox', 3000);
    const { id } = await p.open();
    await p.clock.advance(3000);
    expect(await p.state(id)).toMatchObject({ phase: 'ready' });
    expect(await p.state(id, 'proxmox')).toMatchObject({ phase: 'ready' });
  });

  it('stops, starts again and restarts', async () => {
    const p = await plane();
    const { id } = await p.open({ servers: ['filesystem'] });
    await p.sessions.setServer(id, 'filesystem', 'stop');
    await settle();
    expect(p.runtime.running()).toEqual([]);
    expect(await p.state(id)).toEqual({ phase: 'stopped' });
    await p.sessions.setServer(id, 'filesystem', 'start');
    await settle();
    expect(p.runtime.running()).toEqual([`${id}/filesystem/1001`]);
    await p.sessions.setServer(id, 'filesystem', 'restart');
    await settle();
    expect(p.runtime.running()).toEqual([`${id}/filesystem/2001`]);
    expect(p.runtime.stopped.map(({ labels }) => labels.incarnation)).toEqual([1, 1001]);
    await p.clock.advance(INTERVAL * 3);
    expect(p.runtime.started).toHaveLength(3);
  });

  it('ends what belongs to a session that is over, then forgets it', async () => {
    const p = await plane();
    const { id } = await p.open();
    await p.sessions.end(id);
    await settle();
    expect(p.runtime.size).toBe(0);
    expect(p.runtime.forgotten).toEqual([id]);
    await p.clock.advance(INTERVAL * 3);
    expect(p.runtime.forgotten).toEqual([id]);
  });

  it('ends what belongs to an expired session', async () => {
    const p = await plane();
    const { id } = await p.open();
    await p.clock.advance(1_800_000 + INTERVAL);
    expect(p.runtime.size).toBe(0);
    expect(p.runtime.forgotten).toEqual([id]);
  });

  it('forgets an expired session of which nothing runs', async () => {
    const p = await plane();
    const { id } = await p.open();
    await p.sessions.stopAll(id);
    await p.clock.advance(1_800_000 + INTERVAL);
    expect(p.runtime.forgotten).toEqual([id]);
  });

  it('starts nothing of a session that is opened again before the last one is forgotten', async () => {
    const p = await plane();
    const gate = Promise.withResolvers<void>();
    p.runtime.forgetGate = gate.promise;
    const first = await p.open({ servers: ['filesystem'] });
    await p.sessions.end(first.id);
    await settle();
    const second = await p.open({ servers: ['filesystem'] });
    expect(second.id).toBe(first.id);
    expect(second.nonce).not.toBe(first.nonce);
    expect(p.runtime.running()).toEqual([]);
    gate.resolve();
    await settle();
    expect(p.runtime.forgotten).toEqual([first.id]);
    expect(p.runtime.running()).toEqual([`${first.id}/filesystem/1`]);
    expect(await p.state(second.id)).toMatchObject({ phase: 'ready' });
  });

  it('replaces an instance of an earlier session with the same id', async () => {
    const p = await plane();
    const first = await p.open({ servers: ['filesystem'] });
    p.signals.lost = true;
    await p.sessions.end(first.id);
    const second = await p.open({ servers: ['filesystem'] });
    p.signals.lost = false;
    await p.clock.advance(INTERVAL);
    expect(p.runtime.stopped.map(({ labels }) => labels.nonce)).toEqual([first.nonce]);
    expect(p.runtime.started.map(({ labels }) => labels.nonce)).toEqual([first.nonce, second.nonce]);
    expect(p.runtime.running()).toHaveLength(1);
    expect(p.runtime.forgotten).toEqual([]);
  });

  it('forgets nothing of a session that was opened again while the last one ended', async () => {
    const p = await plane();
    const gate = Promise.withResolvers<void>();
    p.runtime.stopGate = gate.promise;
    const { id } = await p.open({ servers: ['filesystem'] });
    await p.sessions.end(id);
    await settle();
    p.signals.lost = true;
    await p.open({ servers: ['proxmox'] });
    gate.resolve();
    await settle();
    expect(p.runtime.size).toBe(0);
    await p.clock.advance(INTERVAL);
    expect(p.runtime.forgotten).toEqual([]);
    expect(p.runtime.running()).toEqual([`${id}/proxmox/1`]);
  });

  it('does all of it without a single signal', async () => {
    const p = await plane();
    p.signals.lost = true;
    const { id } = await p.open();
    expect(p.runtime.size).toBe(0);
    await p.clock.advance(INTERVAL);
    expect(p.runtime.running()).toHaveLength(2);
    await p.sessions.setServer(id, 'proxmox', 'restart');
    await p.clock.advance(INTERVAL);
    expect(p.runtime.running()).toEqual([`${id}/filesystem/1`, `${id}/proxmox/1001`]);
    await p.sessions.end(id);
    await p.clock.advance(INTERVAL);
    expect(p.runtime.size).toBe(0);
    expect(p.runtime.forgotten).toEqual([id]);
  });
});

describe('Controller: changes while a server starts', () => {
  it('gives up a start that is no longer wanted', async () => {
    const p = await plane();
    p.runtime.modes.set('filesystem', 'never');
    const { id } = await p.open({ servers: ['filesystem'] });
    expect(await p.state(id)).toMatchObject({ phase: 'starting' });
    await p.sessions.setServer(id, 'filesystem', 'stop');
    await settle();
    expect(await p.state(id)).toEqual({ phase: 'stopped' });
    expect(p.runtime.size).toBe(0);
  });

  it('goes over to the newest of two restarts', async () => {
    const p = await plane();
    p.runtime.modes.set('filesystem', 3000);
    const { id } = await p.open({ servers: ['filesystem'] });
    await p.sessions.setServer(id, 'filesystem', 'restart');
    await p.sessions.setServer(id, 'filesystem', 'restart');
    await p.clock.advance(3000);
    expect(p.runtime.running()).toEqual([`${id}/filesystem/2001`]);
    expect(await p.state(id)).toMatchObject({ phase: 'ready', incarnation: 2001 });
  });

  it('ends a start whose session ends', async () => {
    const p = await plane();
    const gate = Promise.withResolvers<void>();
    p.hosts.gate = gate.promise;
    const { id } = await p.open();
    expect(p.runtime.size).toBe(2);
    await p.sessions.end(id);
    await settle();
    await p.clock.advance(2000); // `configure` does not listen: it is waited for as long as for an ending
    expect(p.runtime.size).toBe(0);
    expect(p.runtime.forgotten).toEqual([id]);
    gate.resolve();
  });

  it('does not take the instance of an earlier session for that of the next', async () => {
    const p = await plane();
    const gate = Promise.withResolvers<void>();
    p.hosts.gate = gate.promise;
    const first = await p.open({ servers: ['filesystem'] });
    p.signals.lost = true;
    await p.sessions.end(first.id);
    const second = await p.open({ servers: ['filesystem'] });
    p.signals.lost = false;
    gate.resolve();
    await settle();
    const state = await p.state(second.id);
    expect(state).toMatchObject({ phase: 'ready', incarnation: 1 });
    expect(state).not.toHaveProperty('failures');
    expect(p.runtime.started.map(({ labels }) => labels.nonce)).toEqual([first.nonce, second.nonce]);
    expect(p.runtime.size).toBe(1);
  });

  it('heeds a stop that comes between the decision and the first write', async () => {
    const p = await plane();
    let looks = 0;
    p.store.afterPeek = async (record) => {
      if (++looks !== 2) return; // the reconcile's own look
      p.store.afterPeek = async () => {};
      await p.sessions.setServer(record.id, 'filesystem', 'stop');
    };
    const { id } = await p.open({ servers: ['filesystem'] });
    await settle();
    expect(p.runtime.started).toEqual([]);
    expect(await p.state(id)).toEqual({ phase: 'stopped' });
  });

  it('does two servers at once, and one of them not twice', async () => {
    const p = await plane();
    p.runtime.modes.set('proxmox', 4000);
    const { id } = await p.open();
    for (let n = 0; n < 20; n++) p.signals.publish(id);
    await p.sessions.setServer(id, 'filesystem', 'restart');
    await settle();
    expect(p.runtime.running()).toEqual([`${id}/filesystem/1001`]);
    await p.clock.advance(4000);
    expect(p.runtime.running()).toEqual([`${id}/filesystem/1001`, `${id}/proxmox/1`]);
    expect(p.runtime.started).toHaveLength(3);
  });
});

describe('Controller: failures', () => {
  it('starts a dead instance again, with what it said', async () => {
    const p = await plane();
    const { id } = await p.open({ servers: ['filesystem'] });
    p.runtime.die(id, 'filesystem');
    p.signals.publish(id); // a gateway could not connect
    await settle();
    expect(await p.state(id)).toMatchObject({
      phase: 'failed',
      reason: 'killed by SIGKILL',
      stderr: 'log of filesystem',
      failures: 1,
      retryAt: p.clock.now() + 100,
    });
    await p.clock.advance(100);
    expect(await p.state(id)).toMatchObject({ phase: 'ready', incarnation: 2 });
    expect(p.runtime.running()).toEqual([`${id}/filesystem/2`]);
    expect(p.runtime.size).toBe(1);
  });

  it('notices a death, or that an instance is gone, without a signal', async () => {
    const p = await plane();
    const { id } = await p.open();
    p.runtime.die(id, 'filesystem');
    p.runtime.vanish(id, 'proxmox');
    await p.clock.advance(INTERVAL + 100);
    expect(p.runtime.running()).toEqual([`${id}/filesystem/2`, `${id}/proxmox/2`]);
  });

  it('tries less and less often, then once a minute, and leaves nothing behind', async () => {
    const p = await plane();
    p.runtime.modes.set('filesystem', 'failing');
    const { id } = await p.open({ servers: ['filesystem'] });
    await p.clock.advance(100 + 200 + 400 + 800);
    expect(p.runtime.started).toHaveLength(5);
    expect(await p.state(id)).toMatchObject({ failures: 5, reason: expect.stringContaining('no such program') });
    await p.clock.advance(60_000);
    expect(p.runtime.started).toHaveLength(5);
    await p.clock.advance(2000);
    expect(p.runtime.started).toHaveLength(6);
    expect(await p.state(id)).toMatchObject({ phase: 'failed', failures: 6 });
    p.runtime.modes.set('filesystem', 'ok');
    await p.clock.advance(70_000);
    expect(await p.state(id)).toMatchObject({ phase: 'ready', failures: 6 });
    p.runtime.die(id, 'filesystem');
    p.signals.publish(id);
    await settle();
    expect(await p.state(id)).toMatchObject({ phase: 'failed', failures: 7 });
    await p.clock.advance(95_000);
    await p.clock.advance(60_000);
    p.runtime.die(id, 'filesystem');
    p.signals.publish(id);
    await settle();
    expect(await p.state(id)).toMatchObject({ phase: 'failed', failures: 1 });
  });

  it('tries at once when somebody asks', async () => {
    const p = await plane();
    p.runtime.modes.set('filesystem', 'failing');
    const { id } = await p.open({ servers: ['filesystem'] });
    await p.clock.advance(10_000);
    p.runtime.modes.set('filesystem', 'ok');
    await p.sessions.setServer(id, 'filesystem', 'start');
    await settle();
    expect(await p.state(id)).toMatchObject({ phase: 'ready', incarnation: 1001 });
  });

  // One that does not listen is waited for as long as for an ending, so that it does not meet its successor.
  it.each([
    ['never', 10_000],
    ['deaf', 12_000],
  ] as const)(
    'gives up a start that takes too long, for which the server is not to blame (%s)',
    async (mode, after) => {
      const p = await plane();
      p.runtime.modes.set('filesystem', mode);
      const { id } = await p.open({ servers: ['filesystem'] });
      await p.clock.advance(after - 1);
      expect(await p.state(id)).toMatchObject({ phase: 'starting' });
      await p.clock.advance(1);
      const reason = 'what servers run on has not started it within 10 s';
      expect(await p.state(id)).toMatchObject({ phase: 'failed', reason, failures: 0, outages: 1 });
    },
  );

  it('opens no circuit while what servers run on hangs', async () => {
    const p = await plane();
    p.runtime.modes.set('filesystem', 'never');
    const { id } = await p.open({ servers: ['filesystem'] });
    await p.clock.advance(300_000);
    const state = await p.state(id);
    expect(p.runtime.started.length).toBeGreaterThan(5);
    expect(isCircuitOpen(state)).toBe(false);
    p.runtime.modes.clear();
    await p.clock.advance(40_000);
    expect(await p.state(id)).toMatchObject({ phase: 'ready' });
  });

  it('takes a host that runs and does not take its assignment for a failure of the server', async () => {
    const p = await plane();
    p.hosts.gate = new Promise(() => {});
    const { id } = await p.open({ servers: ['filesystem'] });
    await p.clock.advance(12_000);
    expect(await p.state(id)).toMatchObject({ phase: 'failed', reason: 'it was not ready within 10 s', failures: 1 });
  });

  it('does not try again what cannot succeed, until somebody asks', async () => {
    const p = await plane();
    const invalid = new AppError('config.invalid', 'PROXMOX_HOST is not set', { data: { stderr: 'bad config' } });
    p.hosts.refusals.set('proxmox', invalid);
    const { id } = await p.open();
    const state = await p.state(id, 'proxmox');
    expect(state).toMatchObject({ phase: 'failed', reason: 'PROXMOX_HOST is not set', stderr: 'bad config' });
    expect(state).not.toHaveProperty('retryAt');
    expect(p.runtime.running()).toEqual([`${id}/filesystem/1`]);
    await p.clock.advance(200_000);
    expect(p.runtime.started).toHaveLength(2);
    p.hosts.refusals.clear();
    await p.sessions.setServer(id, 'proxmox', 'restart');
    await settle();
    expect(await p.state(id, 'proxmox')).toMatchObject({ phase: 'ready' });
  });

  it('tries again what the host could not do this time', async () => {
    const p = await plane();
    p.hosts.refusals.set('filesystem', new AppError('server.failed', 'it ended with code 1'));
    const { id } = await p.open({ servers: ['filesystem'] });
    expect(await p.state(id)).toMatchObject({ phase: 'failed', stderr: 'log of filesystem', failures: 1 });
    expect(p.runtime.size).toBe(0);
    p.hosts.refusals.clear();
    await p.clock.advance(100);
    expect(await p.state(id)).toMatchObject({ phase: 'ready' });
  });

  it('goes on with the others when an instance cannot be stopped, and tries again', async () => {
    const p = await plane();
    const { id } = await p.open();
    p.runtime.cannotStop = true;
    await p.sessions.end(id);
    const other = await p.open({}, 2);
    expect(await p.state(other.id)).toMatchObject({ phase: 'ready' });
    expect(p.runtime.forgotten).toEqual([]);
    await p.clock.advance(INTERVAL * 5);
    const servers = ['filesystem', 'proxmox'];
    const reason = 'it does not end';
    expect(p.log.about).toEqual(
      servers.map((server) => ({ session: id, server, instance: expect.any(String), reason })),
    );
    expect(p.log.warnings).toEqual(servers.map(() => expect.stringContaining('cannot be ended')));
    p.runtime.cannotStop = false;
    await p.clock.advance(INTERVAL);
    expect(p.runtime.running()).toEqual([`${other.id}/filesystem/1`, `${other.id}/proxmox/1`]);
    expect(p.runtime.forgotten).toEqual([id]);
  });
});

describe('Controller: outage of the store', () => {
  it('stops nothing, says so once, and goes on afterwards', async () => {
    const p = await plane();
    const { id } = await p.open();
    const running = p.runtime.running();
    p.store.down = true;
    for (let n = 0; n < 5; n++) p.signals.publish(id);
    await p.clock.advance(600_000);
    expect(p.runtime.running()).toEqual(running);
    expect(p.log.warnings).toEqual([expect.stringContaining('out of reach')]);
    p.store.down = false;
    await p.clock.advance(10_000);
    expect(p.runtime.running()).toEqual(running);
    await p.sessions.end(id);
    await settle();
    expect(p.runtime.size).toBe(0);
  });

  it('goes on with a start in whose middle it came', async () => {
    const p = await plane();
    p.runtime.modes.set('filesystem', 1000);
    const { id } = await p.open({ servers: ['filesystem'] });
    p.store.down = true;
    await p.clock.advance(5000);
    expect(p.runtime.running()).toEqual([`${id}/filesystem/1`]);
    p.store.down = false;
    expect(await p.state(id)).toMatchObject({ phase: 'starting' });
    await p.clock.advance(20_000);
    expect(await p.state(id)).toMatchObject({ phase: 'ready', incarnation: 1 });
    expect(p.runtime.started).toHaveLength(1);
  });

  it('takes an outage at the last write for no failure of the server', async () => {
    const p = await plane();
    const replace = p.store.replace.bind(p.store);
    let writes = 0;
    p.store.replace = async (next) => {
      if (++writes === 2) throw new StoreUnavailable('the store is down');
      return replace(next);
    };
    const { id } = await p.open({ servers: ['filesystem'] });
    await p.clock.advance(INTERVAL);
    const state = await p.state(id);
    expect(state).toMatchObject({ phase: 'ready', incarnation: 1 });
    expect(state).not.toHaveProperty('failures');
    expect(p.runtime.started).toHaveLength(1);
  });

  it('cleans nothing up and says why', async () => {
    const p = await plane();
    await p.open();
    p.store.down = true;
    await expect(p.controller.cleanup()).rejects.toMatchObject({ code: 'store.unavailable' });
    expect(p.runtime.size).toBe(2);
  });
});

describe('Controller: another manager takes over', () => {
  it('adopts what runs and starts nothing', async () => {
    const p = await plane();
    const { id } = await p.open();
    const before = await p.sessions.get(id);
    await p.restart();
    await p.clock.advance(INTERVAL * 3);
    expect(await p.sessions.get(id)).toEqual(before);
    expect(p.runtime.started).toHaveLength(2);
    expect(p.runtime.stopped).toEqual([]);
    p.runtime.die(id, 'filesystem');
    await p.clock.advance(INTERVAL + 100);
    expect(p.runtime.running()).toEqual([`${id}/filesystem/2`, `${id}/proxmox/1`]);
    expect(p.runtime.started.at(-1)?.labels.epoch).toBe(2);
  });

  it('takes nothing for gone before it has seen what runs', async () => {
    const p = await plane();
    const { id } = await p.open();
    const gate = Promise.withResolvers<void>();
    p.runtime.listGate = gate.promise;
    await p.restart();
    p.signals.publish(id);
    await settle();
    expect(await p.state(id)).toMatchObject({ phase: 'ready', incarnation: 1 });
    gate.resolve();
    await p.clock.advance(INTERVAL);
    expect(await p.state(id)).toMatchObject({ phase: 'ready', incarnation: 1 });
    expect(p.runtime.started).toHaveLength(2);
  });

  it('goes on with a start that was interrupted before the instance ran', async () => {
    const p = await plane();
    p.runtime.modes.set('filesystem', 'never');
    const { id } = await p.open({ servers: ['filesystem'] });
    await p.down();
    expect(await p.state(id)).toMatchObject({ phase: 'starting', incarnation: 1 });
    p.runtime.modes.clear();
    await p.restart();
    expect(await p.state(id)).toMatchObject({ phase: 'ready', incarnation: 1 });
    expect(p.runtime.running()).toEqual([`${id}/filesystem/1`]);
  });

  it('leaves a start in progress alone when it ends: the next one may have taken it over', async () => {
    const p = await plane();
    p.runtime.modes.set('filesystem', 1000);
    const { id } = await p.open({ servers: ['filesystem'] });
    await p.down();
    expect(await p.state(id)).toMatchObject({ phase: 'starting', incarnation: 1 });
    expect(p.runtime.running()).toEqual([`${id}/filesystem/1`]);
  });

  it('goes on with a start that was interrupted before the host was configured', async () => {
    const p = await plane();
    const gate = Promise.withResolvers<void>();
    p.hosts.gate = gate.promise;
    const { id } = await p.open({ servers: ['filesystem'] });
    await p.down();
    expect(p.runtime.running()).toEqual([`${id}/filesystem/1`]);
    p.hosts.gate = Promise.resolve();
    await p.restart();
    expect(await p.state(id)).toMatchObject({ phase: 'ready', incarnation: 1 });
    expect(p.runtime.started).toHaveLength(1);
    gate.resolve();
  });

  it('does what was asked while nobody was there', async () => {
    const p = await plane();
    const ended = await p.open({}, 1);
    const stopped = await p.open({ servers: ['filesystem'] }, 2);
    const restarted = await p.open({ servers: ['filesystem'] }, 3);
    await p.down();
    await p.sessions.end(ended.id);
    await p.sessions.stopAll(stopped.id);
    await p.sessions.setServer(restarted.id, 'filesystem', 'restart');
    const opened = await p.open({ servers: ['filesystem'] }, 4);
    expect(p.runtime.running()).toHaveLength(4);
    await p.restart();
    expect(p.runtime.running()).toEqual([`${opened.id}/filesystem/1`, `${restarted.id}/filesystem/1001`].sort());
    expect(p.runtime.forgotten).toEqual([ended.id]);
  });

  it('tries again what had failed, when its time has come', async () => {
    const p = await plane();
    p.runtime.modes.set('filesystem', 'failing');
    const { id } = await p.open({ servers: ['filesystem'] });
    await p.clock.advance(1600);
    await p.restart();
    expect(p.runtime.started).toHaveLength(5);
    p.runtime.modes.clear();
    await p.clock.advance(62_000);
    expect(await p.state(id)).toMatchObject({ phase: 'ready', failures: 5 });
  });

  it('stops reconciling when its lease is lost', async () => {
    const p = await plane();
    await p.down();
    const lost = new AbortController();
    const lease = { epoch: 9, lost: lost.signal, [Symbol.asyncDispose]: async () => {} };
    const run = p.newController({ lease }).run(new AbortController().signal);
    const { id } = await p.open();
    expect(p.runtime.started[0]?.labels.epoch).toBe(9);
    lost.abort();
    await run;
    await p.sessions.end(id);
    await p.clock.advance(INTERVAL * 2);
    expect(p.runtime.size).toBe(2);
    expect(p.log.warnings).toEqual([expect.stringContaining('lease lost')]);
  });
});

describe('Controller: what sessions leave', () => {
  it('goes when they ended while nobody was in charge, of which nothing ran', async () => {
    const p = await plane();
    const ended = await p.open({ servers: ['filesystem'] }, 1);
    const stopped = await p.open({ servers: ['filesystem'] }, 2);
    for (const { id } of [ended, stopped]) await p.sessions.stopAll(id);
    await settle();
    await p.down();
    await p.sessions.end(ended.id);
    await p.restart();
    await p.clock.advance(INTERVAL * 3);
    expect(p.runtime.forgotten).toEqual([ended.id]);
    expect([...p.runtime.keeps]).toEqual([stopped.id]);
  });

  it('stays while nobody knows whether they are over', async () => {
    const p = await plane();
    const { id } = await p.open({ servers: ['filesystem'] });
    await p.sessions.stopAll(id);
    await settle();
    await p.down();
    const peek = p.store.peek.bind(p.store);
    p.store.peek = async () => undefined;
    p.store.generation = async () => undefined;
    await p.restart();
    await p.clock.advance(INTERVAL * 3);
    expect(p.runtime.forgotten).toEqual([]);
    p.store.peek = peek;
  });

  it('is looked for again when that failed', async () => {
    const p = await plane();
    await p.down();
    p.runtime.keeps.add('old-session');
    const kept = p.runtime.kept.bind(p.runtime);
    p.runtime.kept = () => {
      throw new Error('the disk is gone');
    };
    await p.restart();
    const { id } = await p.open({ servers: ['filesystem'] });
    expect(await p.state(id)).toMatchObject({ phase: 'ready' });
    p.runtime.kept = kept;
    await p.clock.advance(INTERVAL * 2);
    expect(p.runtime.forgotten).toEqual(['old-session']);
  });
});

describe('Controller: terminals', () => {
  it('ends the sessions of dead terminals of this machine, unless they are to be kept', async () => {
    const p = await plane();
    const dead = await p.open({}, 1);
    const kept = await p.open({ keep: true }, 2);
    const alive = await p.open({}, 3);
    const elsewhere = await p.open({ terminal: { name: 'a', host: 'desk', leader: { pid: 1, startedAt: '1' } } });
    const unknown = await p.open({ terminal: { name: 'notty', host: 'laptop' } });
    p.deadLeaders.add(1).add(2);
    expect(await p.controller.foresee('owner')).toEqual({ sessions: [dead.id], orphans: [] });
    const left = (await p.controller.cleanup('owner')).sessions;
    expect(left).toEqual([dead.id]);
    const ids = (await p.sessions.list('owner')).map(({ id }) => id).sort();
    expect(ids).toEqual([kept.id, alive.id, elsewhere.id, unknown.id].sort());
    expect(p.runtime.running()).toHaveLength(8);
    expect(p.runtime.forgotten).toEqual([dead.id]);
    p.deadLeaders.add(3);
    await p.clock.advance(INTERVAL);
    expect(p.runtime.forgotten).toEqual([dead.id, alive.id]);
  });

  it('cleans up orphans, and has done so when it answers', async () => {
    const p = await plane();
    const { id } = await p.open();
    const other = await p.open({}, 2);
    p.signals.lost = true;
    await p.sessions.end(id);
    expect(p.runtime.size).toBe(4);
    const orphans = ['filesystem', 'proxmox'].map((server) => ({ session: id, server, instance: expect.any(String) }));
    expect(await p.controller.foresee('owner')).toEqual({ sessions: [], orphans });
    expect(await p.controller.foresee('somebody else')).toEqual({ sessions: [], orphans: [] });
    expect(p.runtime.size).toBe(4);
    expect(await p.controller.cleanup('owner')).toEqual({ sessions: [], orphans: 2 });
    expect(p.runtime.running()).toEqual([`${other.id}/filesystem/1`, `${other.id}/proxmox/1`]);
    expect(p.runtime.forgotten).toEqual([id]);
  });

  it("counts and ends only the owner's own", async () => {
    const p = await plane();
    const { id } = await p.open();
    await p.open({}, 2);
    p.signals.lost = true;
    await p.sessions.end(id);
    p.deadLeaders.add(2);
    expect(await p.controller.cleanup('somebody else')).toEqual({ sessions: [], orphans: 0 });
    expect(await p.sessions.list('owner')).toHaveLength(1);
  });

  it('says what kept it from cleaning up', async () => {
    const p = await plane();
    const { id } = await p.open();
    p.signals.lost = true;
    await p.sessions.end(id);
    p.runtime.cannotStop = true;
    const which = new RegExp(`(filesystem|proxmox) of ${id} \\(\\d\\) cannot be ended: it does not end`);
    await expect(p.controller.cleanup()).rejects.toThrow(which);
    expect(await p.controller.cleanup('somebody else')).toEqual({ sessions: [], orphans: 0 });
    p.runtime.cannotStop = false;
    expect(await p.controller.cleanup()).toEqual({ sessions: [], orphans: 2 });
  });
});
