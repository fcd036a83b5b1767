import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Duplex, duplexPair } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CHANNEL_PROTOCOL, type PostKind, type Ran } from '../../src/core/channel.ts';
import { systemClock } from '../../src/core/clock.ts';
import { encodeFrame, FrameWriter } from '../../src/core/frame.ts';
import type { HostAddress, HostLink, HostRefused, LinkLost, Subscriber } from '../../src/core/host-link.ts';
import { Channels } from '../../src/host/channels.ts';
import { CIRCUIT, Circuit } from '../../src/host/circuit.ts';
import { Launcher } from '../../src/host/launcher.ts';
import { LinkSession } from '../../src/host/link-session.ts';
import { StderrTail } from '../../src/host/stderr-tail.ts';
import { SocketLinks } from '../../src/link/socket-links.ts';
import { FakeClock, settle } from '../fakes/fake-clock.ts';
import { FakeServers } from '../fakes/fake-servers.ts';
import { eventually } from '../support/eventually.ts';

const LIMITS = {
  logBytes: 64 << 20,
  logAgeMs: 60_000,
  keys: 1000,
  children: 10,
  childIdleMs: 60_000,
  initializeMs: 5000,
  parkedMs: 900_000,
  abandonedMs: 60_000,
};
const CALL = { type: 'request', id: 1, method: 'tools/call' } as const;
const signal = new AbortController().signal;

/** Writes down what it gets. */
class Recorder implements Subscriber {
  readonly heard: string[] = [];
  ran: Ran | undefined;
  entry(_offset: number, payload: Buffer, last: boolean, _own = false, ran?: Ran): void {
    this.ran = ran;
    this.heard.push(`${payload.length > 100 ? payload.length : payload}${last ? '!' : ''}`);
  }
  end(why: string): void {
    this.heard.push(`<${why}>`);
  }
  failed(error: HostRefused | LinkLost): void {
    this.heard.push(`<${'code' in error ? error.code : error.name}>`);
  }
}

describe('a link between gateway and host', () => {
  let directory: string;
  let server: Server;
  let address: HostAddress;
  let servers: FakeServers;
  let channels: Channels;
  let sockets: Duplex[];
  let links: SocketLinks;
  /** What the host does with a connection that was upgraded. */
  let serve: (socket: Duplex) => void;

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'link-'));
    servers = new FakeServers();
    const launcher = new Launcher(servers.start, new Circuit(CIRCUIT, systemClock), new StderrTail(), systemClock);
    channels = new Channels(launcher, LIMITS, systemClock);
    serve = (socket) => void new LinkSession(socket, channels, 'boot');
    sockets = [];
    server = createServer((_req, res) => res.writeHead(401).end());
    server.on('upgrade', (req, socket: Duplex) => {
      if (req.headers.authorization !== 'Bearer secret') return socket.end('HTTP/1.1 401 Refused\r\n\r\n');
      sockets.push(socket);
      socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${CHANNEL_PROTOCOL}\r\n\r\n`);
      return serve(socket);
    });
    const path = join(directory, 'host.sock');
    server.listen(path);
    await once(server, 'listening');
    address = { endpoint: { kind: 'unix', path }, secret: 'secret' };
    links = new SocketLinks(systemClock);
  });
  afterEach(async () => {
    await links[Symbol.asyncDispose]();
    for (const socket of sockets) socket.destroy();
    server.close();
    rmSync(directory, { recursive: true });
  });

  async function opened(): Promise<HostLink> {
    const link = await links.to(address, signal);
    await link.open('c', '{}', false);
    return link;
  }
  const post = (link: HostLink, key = 'k', kind: PostKind = CALL): Recorder => {
    const recorder = new Recorder();
    link.post('c', { key, kind, payload: JSON.stringify({ jsonrpc: '2.0', ...kind }) }, recorder);
    return recorder;
  };
  const received = (n: number) =>
    eventually(
      'the server has it',
      async () => servers.last.sent.filter(({ method }) => method === 'tools/call').length >= n,
    );

  it('is one for all who want it at once, and another one once it was lost', async () => {
    const [one, two] = await Promise.all([links.to(address, signal), links.to(address, signal)]);
    expect(two).toBe(one);
    sockets[0]?.destroy();
    await eventually('it is lost', async () => one.lost);
    expect(await links.to(address, signal)).not.toBe(one);
    expect(sockets).toHaveLength(2);
  });

  it('is refused to whoever does not know the secret', async () => {
    await expect(links.to({ ...address, secret: 'guess' }, signal)).rejects.toMatchObject({ name: 'LinkLost' });
  });

  it('fails in time where the host takes the connection and says no more, and leaves no connection behind', async () => {
    serve = () => {};
    const clock = new FakeClock();
    await using slow = new SocketLinks(clock);
    const lost = expect(slow.to(address, signal)).rejects.toMatchObject({ name: 'LinkLost' });
    await eventually('it is connected', async () => sockets.length > 0);
    const ended = once(sockets[0] as Duplex, 'end');
    sockets[0]?.resume();
    await settle();
    await clock.advance(10_000);
    await lost;
    await ended;
  });

  describe('whose other side hangs', () => {
    beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }));
    afterEach(() => void vi.useRealTimers());

    it('is lost for the gateway', async () => {
      serve = (socket) => {
        const writer = new FrameWriter(socket);
        writer.write({ t: 'hello', boot: 'boot' });
        writer.write({ t: 'beat' });
      };
      const link = await links.to(address, signal);
      const waiting = post(link);
      await systemClock.sleep(50); // by then the beat has come
      vi.advanceTimersByTime(14_000);
      expect(link.lost).toBe(false);
      vi.advanceTimersByTime(1000);
      await eventually('it is given up', async () => link.lost);
      expect(waiting.heard).toEqual(['<LinkLost>']);
    });

    it('is lost for the gateway even if the host hangs as soon as the link is made', async () => {
      const link = await links.to(address, signal);
      await systemClock.sleep(50);
      sockets[0]?.cork(); // it says nothing any more
      vi.advanceTimersByTime(15_000);
      await eventually('it is given up', async () => link.lost);
    });

    it('is not lost while a large frame is on its way', async () => {
      const [own, other] = duplexPair();
      new LinkSession(own, channels, 'boot');
      new FrameWriter(other).write({ t: 'beat' });
      await systemClock.sleep(50);
      other.write(encodeFrame({ t: 'recall', n: 1, c: 'c' }, 'x'.repeat(1000)).subarray(0, 500));
      for (let part = 0; part < 5; part++) {
        vi.advanceTimersByTime(10_000);
        other.write('x');
        await settle();
      }
      expect(own.destroyed).toBe(false);
      vi.advanceTimersByTime(15_000); // and then no more of it comes
      expect(own.destroyed).toBe(true);
    });

    it('is ended by the host', async () => {
      const [own, other] = duplexPair();
      new LinkSession(own, channels, 'boot');
      new FrameWriter(other).write({ t: 'beat' });
      await systemClock.sleep(50);
      vi.advanceTimersByTime(14_000);
      expect(own.destroyed).toBe(false);
      vi.advanceTimersByTime(1000);
      expect(own.destroyed).toBe(true);
    });
  });

  it('says when a request ran to whoever wants to know', async () => {
    const link = await opened();
    const before = Date.now();
    const untimed = post(link);
    await received(1);
    const later = Date.now() + 5;
    await eventually('time has passed', async () => Date.now() > later);
    servers.last.say({ id: 1, result: {} });
    await eventually('the answer came', async () => untimed.heard.length > 0);
    const timed = new Recorder();
    link.post('c', { key: 'k', kind: CALL, payload: '{"id":1}', timed: true }, timed); // the same call, once more
    await eventually('the answer came again', async () => timed.heard.length > 0);
    const [from, to] = timed.ran ?? [0, 0];
    expect(from).toBeGreaterThanOrEqual(before);
    expect(to).toBeGreaterThan(from);
    expect(to).toBeLessThanOrEqual(Date.now());
    expect(untimed.ran).toBeUndefined();
  });

  it('carries answers, refusals, and what a stream had before', async () => {
    const link = await opened();
    const first = post(link);
    await received(1);
    servers.last.say({ id: 1, result: {} });
    await eventually('the answer came', async () => first.heard.length > 0);
    const again = post(link);
    const other = post(link, 'k', { ...CALL, id: 2 });
    const nowhere = new Recorder();
    link.follow('other', '', undefined, nowhere);
    await eventually('all answers came', async () => nowhere.heard.length > 0);
    const answer = '{"jsonrpc":"2.0","id":1,"result":{}}!';
    expect([first, again, other, nowhere].map(({ heard }) => heard)).toEqual([
      [answer],
      [answer],
      ['<key-reused>'],
      ['<no-channel>'],
    ]);
    expect(servers.last.methods).toEqual(['initialize', 'tools/call']);
  });

  it('that is lost fails all that waits on it; the call goes on, and its answer is found by its key', async () => {
    const link = await opened();
    const waiting = post(link);
    await received(1);
    const opening = expect(link.open('d', '{}', false)).rejects.toMatchObject({ name: 'LinkLost' });
    servers.greeting = 'silent';
    sockets[0]?.destroy();
    await opening;
    expect(waiting.heard).toEqual(['<LinkLost>']);
    servers.started[0]?.say({ id: 1, result: {} });
    const again = post(await links.to(address, signal));
    await eventually('the answer came', async () => again.heard.length > 0);
    expect(again.heard).toEqual(['{"jsonrpc":"2.0","id":1,"result":{}}!']);
  });

  it('carries nothing more of what was left', async () => {
    const link = await opened();
    const left = new Recorder();
    link.follow('c', '', undefined, left)();
    servers.last.say({ method: 'notifications/tools/list_changed' });
    const after = new Recorder();
    link.follow('c', '', 1e15, after);
    post(link, 'n', { type: 'notification', method: 'x' });
    const other = post(link, 'k');
    await received(1);
    servers.last.say({ id: 1, result: {} });
    await eventually('the answer came', async () => other.heard.length > 0);
    expect(left.heard).toEqual([]);
  });

  it('carries what is answered on the standalone stream, and what a gateway says there itself', async () => {
    const link = await opened();
    const own: boolean[] = [];
    const listener = new Recorder();
    const entry = listener.entry.bind(listener);
    listener.entry = (offset, payload, last, isOwn?: boolean) => {
      own.push(isOwn === true);
      entry(offset, payload, last);
    };
    link.follow('c', '', undefined, listener, 'free');
    const [late, shared, poster, teller] = [new Recorder(), new Recorder(), new Recorder(), new Recorder()];
    link.follow('c', '', undefined, late, 'free');
    link.follow('c', '', undefined, shared, 'share');
    link.post('c', { key: 'k', kind: CALL, payload: '{"id":1}', out: true }, poster);
    link.post('c', { key: 'own', kind: { type: 'own' }, payload: '{"id":"told"}' }, teller);
    await eventually('it was told', async () => teller.heard.length > 0);
    servers.last.say({ id: 1, result: {} });
    await eventually('the answer came', async () => listener.heard.length === 2 && shared.heard.length === 2);
    expect(listener.heard).toEqual(['{"id":"told"}', '{"jsonrpc":"2.0","id":1,"result":{}}']);
    expect(own).toEqual([true, false]);
    expect([late, shared, poster, teller].map(({ heard }) => heard)).toEqual([
      ['<followed>'],
      listener.heard,
      ['<done>'],
      ['<done>'],
    ]);
  });

  it('that is lost leaves its streams to others', async () => {
    const link = await opened();
    link.follow('c', '', undefined, new Recorder(), 'free');
    sockets[0]?.destroy();
    await eventually('it is lost', async () => link.lost);
    const next = await links.to(address, signal);
    const follower = await eventually('nobody follows', async () => {
      const recorder = new Recorder();
      next.follow('c', '', undefined, recorder, 'free');
      await next.recall('c'); // answered in order
      return recorder.heard.length === 0 ? recorder : undefined;
    });
    servers.last.say({ method: 'notifications/tools/list_changed' });
    await eventually('it hears', async () => follower.heard.length === 1);
  });

  it('that a gateway does not read slows the server down, until it reads again or goes', async () => {
    const link = await opened();
    for (const goOn of ['resume', 'destroy'] as const) {
      const recorder = post(link, goOn);
      await received(goOn === 'resume' ? 1 : 2);
      const states: string[] = [];
      servers.last.pause = () => states.push('paused');
      servers.last.resume = () => states.push('resumed');
      const [socket] = sockets;
      socket?.cork(); // as the host sees it, the gateway takes nothing off
      for (let n = 0; n < 10; n++)
        servers.last.say({ method: 'notifications/message', params: { data: 'x'.repeat(1 << 20) } });
      expect(states[0]).toBe('paused');
      expect(states).not.toContain('resumed');
      if (goOn === 'resume') socket?.uncork();
      else socket?.destroy();
      await eventually('it goes on', async () => states.includes('resumed'));
      if (goOn === 'resume') {
        servers.last.say({ id: 1, result: {} });
        await eventually('all came', async () => recorder.heard.length === 11);
      }
    }
  });

  it('is cut by whoever writes what is no frame', async () => {
    const link = await opened();
    sockets[0]?.write(Buffer.alloc(100, 0xff));
    await eventually('the gateway cuts it', async () => link.lost);
  });
});
