import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { allOf, basic, connected, directory, instance, raw, refused, startProxy, target } from './egress-setup.ts';
import { startPve } from './proxmox-setup.ts';

const echo = (socket: Socket) => void socket.pipe(socket);
const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

describe('a connection through the egress proxy', () => {
  it('carries bytes both ways, those that came early too', async () => {
    const { path, proxy } = await startProxy();
    const { port } = await target(echo);
    const socket = await connected(path, `127.0.0.1:${port}`, instance([`127.0.0.1:${port}`]), 'early ');
    socket.end('late');
    expect((await allOf(socket)).toString()).toBe('early late');
    await eventually('it is counted', async () => proxy.tally.open === 0 && proxy.tally.bytesIn > 0);
    expect(proxy.tally).toMatchObject({ connected: 1, open: 0, bytesOut: 10, bytesIn: 10 });
  });

  it('carries much, as fast as the slower side takes it', async () => {
    const { path } = await startProxy();
    const { port } = await target(echo);
    const bytes = randomBytes(24 << 20);
    const socket = await connected(path, `127.0.0.1:${port}`, instance([`127.0.0.1:${port}`]));
    socket.end(bytes);
    expect(digest(await allOf(socket))).toBe(digest(bytes));
  });

  it('may be closed on one side only', async () => {
    const { path } = await startProxy();
    const { port } = await target((socket) => {
      socket.write('first ');
      void allOf(socket).then((said) => socket.end(`then ${said}`));
    });
    const socket = await connected(path, `127.0.0.1:${port}`, instance([`127.0.0.1:${port}`]));
    await once(socket, 'readable');
    socket.end('all');
    expect((await allOf(socket)).toString()).toBe('first then all');
  });

  it('may be closed by the host while the instance goes on', async () => {
    const { path } = await startProxy();
    const heard = Promise.withResolvers<string>();
    const { port } = await target((socket) => {
      socket.end('bye');
      void allOf(socket).then((said) => heard.resolve(said.toString()));
    });
    const socket = await connected(path, `127.0.0.1:${port}`, instance([`127.0.0.1:${port}`]));
    expect((await allOf(socket)).toString()).toBe('bye');
    socket.end('but wait');
    expect(await heard.promise).toBe('but wait');
  });

  it('ends when the instance is gone', async () => {
    const { path, proxy } = await startProxy();
    const { port, sockets } = await target(echo);
    const socket = await connected(path, `127.0.0.1:${port}`, instance([`127.0.0.1:${port}`]));
    expect(sockets.size).toBe(1);
    socket.destroy();
    await eventually('the host is left', async () => sockets.size === 0 && proxy.tally.open === 0);
  });

  it('ends when the host is gone', async () => {
    const { path, proxy } = await startProxy();
    const { port, sockets } = await target(() => {});
    const socket = await connected(path, `127.0.0.1:${port}`, instance([`127.0.0.1:${port}`]));
    for (const one of sockets) one.resetAndDestroy();
    expect((await allOf(socket)).toString()).toBe('');
    await eventually('it is over', async () => proxy.tally.open === 0);
  });

  it('is TLS with the host itself', async () => {
    const { path } = await startProxy({ names: { 'pve.test': [['127.0.0.1']] } });
    const pve = await startPve();
    const socket = await connected(path, `PVE.test.:${pve.port}`, instance([`pve.test:${pve.port}`]));
    const tls = connectTls({ socket, rejectUnauthorized: false });
    await once(tls, 'secureConnect');
    const pem = tls.getPeerCertificate().raw.toString('base64');
    expect(pve.certificate.cert.replace(/-----[^-]+-----|\s/g, '')).toBe(pem);
    tls.destroy();
  });

  it('is closed when nothing goes over it', async () => {
    const { path, proxy } = await startProxy({ idleMs: 50 });
    const { port, sockets } = await target(echo);
    const socket = await connected(path, `127.0.0.1:${port}`, instance([`127.0.0.1:${port}`]));
    expect((await allOf(socket)).toString()).toBe('');
    await eventually('the host is left', async () => sockets.size === 0 && proxy.tally.open === 0);
  });
});

describe('a connection is refused', () => {
  const HOSTS = ['pve.test:8006', '127.0.0.1:1'];
  const mine = instance(HOSTS);
  const expired = instance(HOSTS, { maxAt: Date.now() - 2000 });

  it.each<[string, string, string | undefined, number, string]>([
    ['to another host', 'evil.test:8006', basic(mine), 403, 'host'],
    ['to another port', 'pve.test:8007', basic(mine), 403, 'host'],
    ['to an address for a name', '127.0.0.1:8006', basic(mine), 403, 'host'],
    ['to a longer name', 'pve.test.evil.test:8006', basic(mine), 403, 'host'],
    ['without credentials', 'pve.test:8006', undefined, 407, 'credentials'],
    ['with the secret alone', 'pve.test:8006', basic({ ...mine, grant: '' }), 407, 'credentials'],
    ['with the grant alone', 'pve.test:8006', basic({ ...mine, secret: '' }), 407, 'credentials'],
    ['with the grant as bearer', 'pve.test:8006', `Bearer ${mine.grant}`, 407, 'credentials'],
    ['with rubbish', 'pve.test:8006', 'Basic ====', 407, 'credentials'],
    ['with a grant that has expired', 'pve.test:8006', basic(expired), 407, 'credentials'],
    [
      "with another session's grant",
      'evil.test:1',
      basic({ ...mine, grant: instance(['evil.test:1'], { id: 'pts_4-aaaaaaaaaaaaaaaa' }).grant }),
      407,
      'credentials',
    ],
    [
      'with the grant of another server of the session',
      'evil.test:1',
      basic({ ...mine, grant: instance(['evil.test:1'], { server: 'other' }).grant }),
      407,
      'credentials',
    ],
    [
      'with the secret of an earlier incarnation',
      'pve.test:8006',
      basic({ ...mine, grant: instance(HOSTS, { incarnation: 2 }).grant }),
      407,
      'credentials',
    ],
    [
      'by another deployment',
      'pve.test:8006',
      basic(instance(HOSTS, { key: Buffer.alloc(32, 6) })),
      407,
      'credentials',
    ],
    ['without a port', 'pve.test', basic(mine), 400, 'protocol'],
    ['to a URL', 'https://pve.test:8006/', basic(mine), 400, 'protocol'],
  ])('%s', async (_, authority, authorization, status, reason) => {
    const { path, proxy, log, lookups } = await startProxy({ names: { 'pve.test': [['127.0.0.1']] } });
    const answer = await refused(path, authority, authorization);
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} .*details="${reason}"`, 's'));
    expect(proxy.tally).toMatchObject({ connected: 0, refused: { [reason]: 1 } });
    expect(lookups).toEqual([]);
    expect(log).toHaveLength(1);
    expect(log[0]).toContain(`"reason":"${reason}"`);
    for (const secret of [mine.secret, mine.grant, expired.grant]) expect(log.join() + answer).not.toContain(secret);
  });

  it.each([
    ['cloud metadata', ['169.254.169.254']],
    ['loopback', ['127.0.0.1']],
    ['loopback in IPv6', ['::1', '::ffff:127.0.0.1']],
    ['this host', ['0.0.0.0']],
  ])('to a name that leads to %s', async (_, addresses) => {
    const { port, sockets } = await target(echo);
    const { path, proxy, log } = await startProxy({ names: { 'pve.test': [addresses] }, allowLoopback: false });
    const answer = await refused(path, `pve.test:${port}`, basic(instance([`pve.test:${port}`])));
    expect(answer).toMatch(/^HTTP\/1\.1 403 .*error=destination_ip_prohibited; details="address"/s);
    expect(proxy.tally.refused.address).toBe(1);
    expect(log[0]).toContain('"session":"pts_3-aaaaaaaaaaaaaaaa","server":"proxmox"');
    expect(sockets.size).toBe(0);
  });

  it('[attack.16] to an address in the grant that no instance may reach', async () => {
    const { path } = await startProxy({ allowLoopback: false });
    for (const authority of ['127.0.0.1:1', '[::1]:1', '169.254.169.254:80', '[::ffff:a9fe:a9fe]:80'])
      expect(
        await refused(
          path,
          authority,
          basic(instance(['127.0.0.1:1', '[::1]:1', '169.254.169.254:80', '[::ffff:169.254.169.254]:80'])),
        ),
      ).toMatch(/^HTTP\/1\.1 403 .*details="address"/s);
  });

  it('[attack.16] by its name only once: the address that was looked at is the one connected to', async () => {
    const { port } = await target((socket) => void socket.end('right'));
    const names = { 'pve.test': [['169.254.169.254', '127.0.0.1'], ['169.254.169.254']] };
    const { path, lookups } = await startProxy({ names });
    const socket = await connected(path, `pve.test:${port}`, instance([`pve.test:${port}`]));
    expect((await allOf(socket)).toString()).toBe('right');
    expect(lookups).toEqual(['pve.test']);
    expect(await refused(path, `pve.test:${port}`, basic(instance([`pve.test:${port}`])))).toContain(
      'details="address"',
    );
  });

  it('where nobody listens, or the name is not known', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    server.close();
    await once(server, 'close');
    const { path, proxy } = await startProxy();
    const who = basic(instance([`127.0.0.1:${port}`, 'nowhere.test:1']));
    expect(await refused(path, `127.0.0.1:${port}`, who)).toMatch(/^HTTP\/1\.1 502 .*details="refused"/s);
    expect(await refused(path, 'nowhere.test:1', who)).toMatch(/^HTTP\/1\.1 502 .*details="dns"/s);
    expect(proxy.tally.refused).toMatchObject({ refused: 1, dns: 1 });
  });

  it('beyond what one instance may have, until it closes one', async () => {
    const { path } = await startProxy({ connections: 2 });
    const { port } = await target(echo);
    const hosts = [`127.0.0.1:${port}`];
    const authority = `127.0.0.1:${port}`;
    const first = await connected(path, authority, instance(hosts));
    await connected(path, authority, instance(hosts, { incarnation: 2 }));
    expect(await refused(path, authority, basic(instance(hosts)))).toMatch(/^HTTP\/1\.1 503 .*details="limit"/s);
    await connected(path, authority, instance(hosts, { server: 'other' }));
    first.destroy();
    await eventually('there is room again', () => connected(path, authority, instance(hosts)));
  });
});

describe('what is no CONNECT', () => {
  it.each([
    [
      'another method',
      'GET http://pve.test/ HTTP/1.1\r\nHost: pve.test\r\n\r\n',
      /^HTTP\/1\.1 405 .*Allow: CONNECT/s,
      'method',
    ],
    ['no HTTP', '\x16\x03\x01\x02\x00\x01\x00', /^HTTP\/1\.1 400 /, 'protocol'],
    [
      'a head that is too large',
      `CONNECT a:1 HTTP/1.1\r\nX: ${'x'.repeat(17 << 10)}\r\n\r\n`,
      /^HTTP\/1\.1 400 /,
      'protocol',
    ],
  ] as const)('is refused: %s', async (_, text, answer, reason) => {
    const { path, proxy } = await startProxy();
    expect((await allOf(await raw(path, text))).toString()).toMatch(answer);
    expect(proxy.tally.refused[reason]).toBe(1);
  });

  it.each(['', 'CONNECT pve.test:8006 HTTP/1.1\r\nHost: '])(
    'is not waited for when it does not come: %j',
    async (text) => {
      const { path, proxy } = await startProxy({ headMs: 60 });
      expect((await allOf(await raw(path, text))).toString()).toMatch(/^HTTP\/1\.1 400 /);
      expect(proxy.tally.refused.protocol).toBe(1);
    },
  );
});

describe('the socket', () => {
  it('is for its group, and for one proxy', async () => {
    const { path, proxy } = await startProxy();
    expect(statSync(path).mode & 0o777).toBe(0o660);
    const { proxy: other } = await startProxy();
    await expect(other.listen(path)).rejects.toMatchObject({ code: 'lease.held' });
    expect(proxy.listening).toBe(true);
  });

  it('of a proxy that was killed is taken over', async () => {
    const path = `${await directory()}/egress.sock`;
    // What SIGKILL leaves: a socket on which nobody listens.
    const script = 'require("net").createServer().listen(process.argv[1], () => process.kill(process.pid, "SIGKILL"))';
    expect(() => execFileSync(process.execPath, ['-e', script, path])).toThrow();
    expect(statSync(path).isSocket()).toBe(true);
    await startProxy({ path });
    expect(await refused(path, 'a:1')).toMatch(/^HTTP\/1\.1 407 /);
  });
});

describe('an egress proxy that ends', () => {
  it('takes nothing new and lets what is open come to its end', async () => {
    const { path, proxy } = await startProxy();
    const { port } = await target(echo);
    const socket = await connected(path, `127.0.0.1:${port}`, instance([`127.0.0.1:${port}`]));
    const closed = proxy.close(60_000);
    const [error] = await once(connect(path), 'error');
    expect((error as NodeJS.ErrnoException).code).toMatch(/ENOENT|ECONNREFUSED/);
    socket.end('still');
    expect((await allOf(socket)).toString()).toBe('still');
    await closed;
  });

  it('closes what does not', async () => {
    const { path, proxy } = await startProxy();
    const { port, sockets } = await target(echo);
    const socket = await connected(path, `127.0.0.1:${port}`, instance([`127.0.0.1:${port}`]));
    await proxy.close(0);
    expect((await allOf(socket)).toString()).toBe('');
    await eventually('the host is left', async () => sockets.size === 0);
  });
});
