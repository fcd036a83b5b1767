import { describe, expect, it } from 'vitest';
import { AppError } from '../../src/core/errors.ts';
import type { SessionRecord } from '../../src/core/session.ts';
import { Followers } from '../../src/gateway/api/followers.ts';
import { SessionLog } from '../../src/gateway/api/session-log.ts';
import { settle } from '../fakes/fake-clock.ts';
import { ControlPlane } from '../support/control-plane.ts';

/** A session with `filesystem` and `proxmox`, both ready, and the paths of their hosts. */
async function opened() {
  const plane = await new ControlPlane().up();
  const { id } = await plane.open();
  const record = await plane.sessions.get(id);
  const log = new SessionLog(plane);
  return { plane, record, log, filesystem: pathOf(record, 'filesystem'), proxmox: pathOf(record, 'proxmox') };
}

function pathOf({ servers }: SessionRecord, name: string): string {
  const state = servers[name]?.state;
  if (state?.phase !== 'ready' || state.instance.endpoint.kind !== 'unix') throw new Error(`${name} is not ready`);
  return state.instance.endpoint.path;
}

const entry = (server: string, text: string) => ({ server, level: 'info', text }) as const;

describe('the log of a session', () => {
  it('has the lines of all its servers by time, or of one', async () => {
    const { plane, record, log, filesystem, proxmox } = await opened();
    plane.hosts.logs.set(filesystem, [entry('filesystem', 'f0'), entry('filesystem', 'f1')]);
    plane.hosts.logs.set(proxmox, [entry('proxmox', 'p0'), entry('proxmox', 'p1')]);
    const texts = async (wanted: Parameters<SessionLog['read']>[1]) =>
      (await log.read(record, wanted)).lines.map(({ text }) => text);
    expect(await texts({})).toEqual(['f0', 'p0', 'f1', 'p1']);
    expect(await texts({ tail: 1 })).toEqual(['p1']);
    expect(await texts({ tail: 0 })).toEqual([]);
    expect(await texts({ server: 'proxmox' })).toEqual(['p0', 'p1']);
  });

  it('takes an entry where a host runs: that of the server, or another', async () => {
    const { plane, record, log, filesystem, proxmox } = await opened();
    expect(await log.add(record, entry('proxmox', 'mine'))).toBe(true);
    expect(await log.add(record, entry('elsewhere', 'anybody'))).toBe(true);
    expect(plane.hosts.logs.get(proxmox)).toEqual([entry('proxmox', 'mine')]);
    expect(plane.hosts.logs.get(filesystem)).toEqual([entry('elsewhere', 'anybody')]);
    await plane.sessions.stopAll(record.id);
    await settle();
    expect(await log.add(await plane.sessions.get(record.id), entry('proxmox', 'nobody'))).toBe(false);
  });

  it('says nothing more to whoever followed once the session is over, whatever its hosts still say', async () => {
    const { plane, record, log } = await opened();
    const more = Promise.withResolvers<void>();
    let ended = 0;
    plane.hosts.lines = async function* () {
      yield { n: 1, line: { time: 1, server: 'filesystem', stream: 'host', text: 'first' } };
      await more.promise;
      yield { n: 2, line: { time: 2, server: 'filesystem', stream: 'host', text: 'late' } };
      ended += 1;
    };
    let over = false;
    const look = async () => {
      if (over) throw new AppError('session.over', 'It is over');
      return record;
    };
    const heard: string[] = [];
    const wanted = { id: record.id, server: 'filesystem', places: new Map() };
    const following = log.follow(wanted, look, ({ text }) => void heard.push(text), new AbortController().signal);
    await settle();
    over = true;
    await plane.clock.advance(2000);
    await plane.clock.advance(3000);
    await following;
    more.resolve();
    await settle();
    expect({ heard, ended }).toEqual({ heard: ['first'], ended: 0 });
  });

  it('waits for no host that does not answer', async () => {
    const { plane, record, log, proxmox } = await opened();
    plane.hosts.silent.add(proxmox);
    const added = log.add(record, entry('proxmox', 'lost'));
    await plane.clock.advance(2000);
    expect(await added).toBe(false);
  });

  it('has the level set by all hosts that run', async () => {
    const { plane, record, log, filesystem, proxmox } = await opened();
    expect(await log.setLevel(record, { level: 'debug', until: 1000 })).toEqual(['filesystem', 'proxmox']);
    expect([filesystem, proxmox].map((path) => plane.hosts.levels.get(path))).toEqual(['debug', 'debug']);
  });
});

it('so many may follow one log, and others when one has gone', () => {
  const followers = new Followers(2);
  const first = followers.enter('a');
  followers.enter('a');
  expect(() => followers.enter('a')).toThrow(expect.objectContaining({ code: 'connection.quota', retryAfter: 10 }));
  followers.enter('b');
  first[Symbol.dispose]();
  followers.enter('a');
});
