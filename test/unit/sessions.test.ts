import { describe, expect, it } from 'vitest';
import { changed, type ServerState, withServer } from '../../src/core/session.ts';
import { settle } from '../fakes/fake-clock.ts';
import { ControlPlane } from '../support/control-plane.ts';

const never = new AbortController().signal;
const instance = { name: '1', endpoint: { kind: 'unix', path: '/s' }, startedAt: 0 } as const;
const ready = (incarnation: number): ServerState => ({ phase: 'ready', incarnation, since: 0, instance });
const failed = (retryAt?: number): ServerState => ({
  phase: 'failed',
  incarnation: 1,
  since: 0,
  reason: 'no such program',
  stderr: 'sh: nope: not found',
  failures: 1,
  ...(retryAt === undefined ? {} : { retryAt }),
});

/** Writes as the controller does. */
async function put(plane: ControlPlane, id: string, server: string, state: ServerState): Promise<void> {
  const record = await plane.sessions.get(id);
  expect(await plane.store.replace(withServer(record, server, { state }))).toBe(true);
  plane.signals.publish(id);
}

describe('Sessions.open', () => {
  it('makes a session with all servers of the catalogue pending', async () => {
    const plane = new ControlPlane();
    const heard: string[] = [];
    using _ = plane.signals.subscribe((id) => heard.push(id));
    const record = await plane.open({ variables: { PROXMOX_TOKEN: 's' } });
    const pending = { desired: 'running', generation: 0, state: { phase: 'pending' } };
    expect(record).toMatchObject({ version: 1, owner: 'owner', workspace: '/work', keep: false });
    expect(record.servers).toEqual({ filesystem: pending, proxmox: pending });
    expect(record.maxAt).toBe(plane.clock.now() + 86_400_000);
    expect(plane.sealer.unseal(record.id, record.sealed)).toEqual({ PROXMOX_TOKEN: 's' });
    expect(JSON.stringify(record)).not.toContain('PROXMOX_TOKEN');
    expect(heard).toEqual([record.id]);
  });

  it("finds the same terminal's session again, and never another's", async () => {
    const plane = new ControlPlane();
    const first = await plane.open();
    const again = await plane.open();
    expect(again).toEqual(first);
    const others = [
      await plane.open({}, 101),
      await plane.open({ terminal: { name: 'pts_3', host: 'laptop', leader: { pid: 100, startedAt: '2' } } }),
      await plane.open({ terminal: { name: 'pts_3', host: 'desk', leader: { pid: 100, startedAt: '1' } } }),
      await plane.open({ terminal: { name: 'pts_4', host: 'laptop', leader: { pid: 100, startedAt: '1' } } }),
    ];
    expect(new Set([first.id, ...others.map(({ id }) => id)]).size).toBe(5);
  });

  it('makes one session when a terminal asks twice at once', async () => {
    const plane = new ControlPlane();
    const terminal = { name: 'a', host: 'h' };
    const body = { terminal, workspace: '/work' };
    const opened = await Promise.all([1, 2, 3].map(() => plane.sessions.open('owner', body)));
    expect(opened.filter(({ created }) => created)).toHaveLength(1);
    expect(new Set(opened.map(({ record }) => record.nonce)).size).toBe(1);
  });

  it('keeps the session alive', async () => {
    const plane = new ControlPlane();
    const { id } = await plane.open();
    await plane.clock.advance(1_000_000);
    await plane.open({ attach: true });
    await plane.clock.advance(1_000_000);
    expect(await plane.sessions.get(id)).toBeDefined();
    await plane.clock.advance(800_000);
    await expect(plane.sessions.get(id)).rejects.toMatchObject({ code: 'session.over' });
  });

  it('leaves all as it is when only a token is wanted', async () => {
    const plane = new ControlPlane();
    const first = await plane.open({ keep: true, variables: { PROXMOX_TOKEN: 's' } });
    expect(await plane.open({ attach: true, workspace: '/elsewhere', variables: {} })).toEqual(first);
  });

  it('restarts what depends on the new workspace', async () => {
    const plane = new ControlPlane();
    const { id } = await plane.open();
    await put(plane, id, 'filesystem', ready(1));
    await plane.sessions.setServer(id, 'proxmox', 'stop');
    const { workspace, servers } = await plane.open({ workspace: '/elsewhere' });
    expect(workspace).toBe('/elsewhere');
    expect(servers.filesystem).toMatchObject({ desired: 'running', generation: 1 });
    expect(servers.proxmox).toMatchObject({ desired: 'stopped', generation: 0 });
  });

  it('restarts what uses a changed variable, and nothing else', async () => {
    const plane = new ControlPlane();
    const { id } = await plane.open({ variables: { PROXMOX_TOKEN: 'old' } });
    const record = await plane.open({ variables: { PROXMOX_TOKEN: 'new' } });
    expect(record.servers).toMatchObject({ filesystem: { generation: 0 }, proxmox: { generation: 1 } });
    expect(plane.sealer.unseal(id, record.sealed)).toEqual({ PROXMOX_TOKEN: 'new' });
    const same = await plane.open();
    expect(same.servers.proxmox?.generation).toBe(1);
    expect(plane.sealer.unseal(id, same.sealed)).toEqual({ PROXMOX_TOKEN: 'new' });
  });

  it('brings variables anew that cannot be read any more', async () => {
    const plane = new ControlPlane();
    const record = await plane.open();
    await plane.store.replace(changed(record, { sealed: 'of another key' }));
    const healed = await plane.open();
    expect(plane.sealer.unseal(healed.id, healed.sealed)).toEqual({});
  });

  it('tries again what has failed', async () => {
    const plane = new ControlPlane();
    const { id } = await plane.open();
    await put(plane, id, 'filesystem', failed());
    expect((await plane.open()).servers).toMatchObject({ filesystem: { generation: 1 }, proxmox: { generation: 0 } });
  });

  it('runs exactly the servers that are listed', async () => {
    const plane = new ControlPlane();
    await plane.open({ servers: ['filesystem'] });
    const other = await plane.open({ servers: ['proxmox'] });
    expect(other.servers).toMatchObject({ filesystem: { desired: 'stopped' }, proxmox: { desired: 'running' } });
    const back = await plane.open({ servers: ['filesystem', 'proxmox'] });
    expect(back.servers).toMatchObject({
      filesystem: { desired: 'running', generation: 1 },
      proxmox: { desired: 'running', generation: 0 },
    });
  });

  it('changes whether it outlives its terminal only when asked', async () => {
    const plane = new ControlPlane();
    await plane.open({ keep: true });
    expect((await plane.open()).keep).toBe(true);
    expect((await plane.open({ keep: false })).keep).toBe(false);
  });

  it('[attack.18] refuses more sessions than the owner may have, and counts those of others not', async () => {
    const plane = new ControlPlane({ sessionsPerOwner: 2 });
    await plane.sessions.open('somebody else', { terminal: { name: 'a', host: 'h' }, workspace: '/' });
    const first = await plane.open({}, 1);
    await plane.open({}, 2);
    await expect(plane.open({}, 3)).rejects.toMatchObject({ code: 'session.quota', status: 429 });
    expect((await plane.open({}, 1)).id).toBe(first.id);
    await plane.sessions.end(first.id);
    await plane.open({}, 3);
    expect(await plane.sessions.list('owner')).toHaveLength(2);
  });

  it('says so when the store is out of reach', async () => {
    const plane = new ControlPlane();
    plane.store.down = true;
    await expect(plane.open()).rejects.toMatchObject({ code: 'store.unavailable', status: 503 });
  });
});

describe('Sessions: changes', () => {
  it('starts, stops and restarts', async () => {
    const plane = new ControlPlane();
    const { id } = await plane.open();
    const act = async (action: 'start' | 'stop' | 'restart') =>
      (await plane.sessions.setServer(id, 'filesystem', action)).servers.filesystem;
    await put(plane, id, 'filesystem', ready(1));
    expect(await act('start')).toMatchObject({ desired: 'running', generation: 0 });
    expect(await act('restart')).toMatchObject({ desired: 'running', generation: 1 });
    expect(await act('stop')).toMatchObject({ desired: 'stopped', generation: 1 });
    expect(await act('start')).toMatchObject({ desired: 'running', generation: 2 });
    await put(plane, id, 'filesystem', failed());
    expect(await act('start')).toMatchObject({ desired: 'running', generation: 3 });
  });

  it('makes a restart newer than any number of failures', async () => {
    const plane = new ControlPlane();
    const { id } = await plane.open();
    await put(plane, id, 'filesystem', ready(5678));
    const { servers } = await plane.sessions.setServer(id, 'filesystem', 'restart');
    expect(servers.filesystem?.generation).toBe(6);
  });

  it('adds a server of the catalogue, and refuses others', async () => {
    const plane = new ControlPlane();
    const { id } = await plane.open({ servers: ['filesystem'] });
    const unknown = { code: 'server.unknown' };
    await expect(plane.sessions.setServer(id, 'proxmox', 'stop')).rejects.toMatchObject(unknown);
    await expect(plane.sessions.setServer(id, 'constructor', 'start')).rejects.toMatchObject(unknown);
    const { servers } = await plane.sessions.setServer(id, 'proxmox', 'start');
    expect(servers.proxmox?.desired).toBe('running');
  });

  it('stops all, and writes nothing when there is nothing to change', async () => {
    const plane = new ControlPlane();
    const { id } = await plane.open();
    const stopped = await plane.sessions.stopAll(id);
    expect(Object.values(stopped.servers).map(({ desired }) => desired)).toEqual(['stopped', 'stopped']);
    expect(await plane.sessions.stopAll(id)).toEqual(stopped);
  });

  it('loses none of many changes at once', async () => {
    const plane = new ControlPlane();
    const { id, version } = await plane.open();
    const restarts = Promise.all([1, 2, 3, 4, 5].map(() => plane.sessions.setServer(id, 'filesystem', 'restart')));
    await plane.clock.advance(10_000);
    await restarts;
    const record = await plane.sessions.get(id);
    expect(record.servers.filesystem?.generation).toBe(5);
    expect(record.version).toBe(version + 5);
  });

  it('gives up, in the end, against somebody who is always faster', async () => {
    const plane = new ControlPlane();
    const { id } = await plane.open();
    plane.store.afterPeek = async (record) => {
      await plane.store.replace(changed(record, {}));
    };
    const change = expect(plane.sessions.setServer(id, 'filesystem', 'stop')).rejects.toMatchObject({
      code: 'server.busy',
    });
    await plane.clock.advance(60_000);
    await change;
  });

  it('says that the session is over, and never brings it back', async () => {
    const plane = new ControlPlane();
    const { id } = await plane.open();
    expect(await plane.sessions.end(id)).toBe(true);
    expect(await plane.sessions.end(id)).toBe(false);
    const over = { code: 'session.over', status: 404 };
    await expect(plane.sessions.stopAll(id)).rejects.toMatchObject(over);
    await expect(plane.sessions.setServer(id, 'filesystem', 'start')).rejects.toMatchObject(over);
    await expect(plane.sessions.get(id)).rejects.toMatchObject(over);
    await expect(plane.sessions.awaitReady(id, 'filesystem', never)).rejects.toMatchObject(over);
  });
});

describe('Sessions.awaitReady', () => {
  it('answers at once if it is ready', async () => {
    const plane = new ControlPlane();
    const { id } = await plane.open();
    await put(plane, id, 'filesystem', ready(1));
    const { record, state } = await plane.sessions.awaitReady(id, 'filesystem', never);
    expect(state).toEqual(ready(1));
    expect(record.id).toBe(id);
  });

  it('wakes at the signal', async () => {
    const plane = new ControlPlane();
    const { id } = await plane.open();
    const waiting = plane.sessions.awaitReady(id, 'filesystem', never);
    await settle();
    await put(plane, id, 'filesystem', ready(1));
    expect((await waiting).state.incarnation).toBe(1);
  });

  it('loses no change that falls between its look and its wait', async () => {
    const plane = new ControlPlane();
    const { id } = await plane.open();
    plane.store.afterPeek = async (record) => {
      plane.store.afterPeek = async () => {};
      await plane.store.replace(withServer(record, 'filesystem', { state: ready(1) }));
      plane.signals.publish(id);
      await settle();
    };
    const { state } = await plane.sessions.awaitReady(id, 'filesystem', never);
    expect(state.incarnation).toBe(1);
  });

  it('sees it without the signal a second later', async () => {
    const plane = new ControlPlane();
    const { id } = await plane.open();
    plane.signals.lost = true;
    const waiting = plane.sessions.awaitReady(id, 'filesystem', never);
    await settle();
    await put(plane, id, 'filesystem', ready(1));
    await plane.clock.advance(1000);
    expect((await waiting).state.incarnation).toBe(1);
  });

  it('waits for the instance of a restart, not for the one before', async () => {
    const plane = new ControlPlane();
    const { id } = await plane.open();
    await put(plane, id, 'filesystem', ready(1));
    await plane.sessions.setServer(id, 'filesystem', 'restart');
    const waiting = plane.sessions.awaitReady(id, 'filesystem', never);
    await plane.clock.advance(5000);
    await put(plane, id, 'filesystem', ready(1001));
    expect((await waiting).state.incarnation).toBe(1001);
  });

  it('says what is wrong when it is not tried again in time', async () => {
    const plane = new ControlPlane();
    const { id } = await plane.open();
    await put(plane, id, 'filesystem', failed());
    await expect(plane.sessions.awaitReady(id, 'filesystem', never)).rejects.toMatchObject({
      code: 'server.failed',
      message: expect.stringContaining('no such program'),
      data: { server: 'filesystem', reason: 'no such program', stderr: 'sh: nope: not found' },
      retryAfter: undefined,
    });
    await put(plane, id, 'filesystem', failed(plane.clock.now() + 60_000));
    await expect(plane.sessions.awaitReady(id, 'filesystem', never)).rejects.toMatchObject({
      code: 'server.failed',
      retryAfter: 60,
    });
  });

  it('waits through a failure that is tried again in time', async () => {
    const plane = new ControlPlane();
    const { id } = await plane.open();
    await put(plane, id, 'filesystem', failed(plane.clock.now() + 2000));
    const waiting = plane.sessions.awaitReady(id, 'filesystem', never);
    await plane.clock.advance(2000);
    await put(plane, id, 'filesystem', ready(2));
    expect((await waiting).state.incarnation).toBe(2);
  });

  it('gives up at the deadline, and says why', async () => {
    const plane = new ControlPlane({ holdMs: 3000 });
    const { id } = await plane.open();
    await put(plane, id, 'filesystem', failed(plane.clock.now() + 2500));
    const waiting = expect(plane.sessions.awaitReady(id, 'filesystem', never)).rejects.toMatchObject({
      code: 'server.busy',
      status: 503,
      retryAfter: 1,
      message: expect.stringContaining('no such program'),
    });
    await plane.clock.advance(3000);
    await waiting;
  });

  it('says how to start a server that is stopped, and which there are', async () => {
    const plane = new ControlPlane();
    const { id } = await plane.open();
    await plane.sessions.setServer(id, 'filesystem', 'stop');
    const wait = (name: string) => plane.sessions.awaitReady(id, name, never);
    await expect(wait('filesystem')).rejects.toMatchObject({
      code: 'server.stopped',
      message: expect.stringContaining('mcp-session-manager start filesystem'),
    });
    for (const name of ['nope', 'constructor'])
      await expect(wait(name)).rejects.toMatchObject({ code: 'server.unknown' });
  });

  it('ends with the session, the caller or the store', async () => {
    const plane = new ControlPlane();
    const { id } = await plane.open();
    const over = expect(plane.sessions.awaitReady(id, 'filesystem', never)).rejects.toMatchObject({
      code: 'session.over',
    });
    await settle();
    await plane.sessions.end(id);
    await over;
    const { id: other } = await plane.open({}, 2);
    const gone = new AbortController();
    const left = expect(plane.sessions.awaitReady(other, 'filesystem', gone.signal)).rejects.toThrow('client is gone');
    await settle();
    gone.abort(new Error('client is gone'));
    await left;
    plane.store.down = true;
    await expect(plane.sessions.awaitReady(other, 'filesystem', never)).rejects.toMatchObject({
      code: 'store.unavailable',
    });
  });
});
