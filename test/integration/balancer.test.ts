import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { IMAGE, UnstickyBalancer } from '../conformance/balancer.ts';
import { docker } from '../faults/docker.ts';
import { eventually } from '../support/eventually.ts';
import { requires } from '../support/requires.ts';

requires('docker')('who asks, as the balancer tells gateways', () => {
  let gateway: Server;
  let url: string;
  beforeAll(async () => {
    gateway = createServer((request, response) => response.end(String(request.headers['x-forwarded-for'])));
    gateway.listen(0, '127.0.0.1');
    await once(gateway, 'listening');
    url = `http://127.0.0.1:${(gateway.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    gateway.closeAllConnections();
    gateway.close();
  });

  /** What the gateway is told when a client on this machine says `said` itself. */
  async function told(balancer: UnstickyBalancer, said?: string): Promise<string> {
    const answer = await fetch(balancer.url, said === undefined ? {} : { headers: { 'x-forwarded-for': said } });
    return answer.text();
  }

  it('is whoever is connected, whatever they say', async () => {
    await using balancer = await UnstickyBalancer.start([url]);
    expect(await told(balancer)).toBe('127.0.0.1');
    expect(await told(balancer, '192.0.2.1')).toBe('127.0.0.1');
  });

  it('is whom a balancer in front of it was connected to, and nobody whom that one was told of', async () => {
    await using balancer = await UnstickyBalancer.start([url], ['PROXIES=10.0.0.0/8 127.0.0.0/8']);
    expect(await told(balancer)).toBe('127.0.0.1');
    expect(await told(balancer, '192.0.2.1')).toBe('192.0.2.1');
    expect(await told(balancer, '192.0.2.1, 198.51.100.7')).toBe('198.51.100.7');
  });

  it('is not whom somebody else than these says', async () => {
    await using balancer = await UnstickyBalancer.start([url], ['PROXIES=10.0.0.0/8']);
    expect(await told(balancer, '192.0.2.1')).toBe('127.0.0.1');
  });
});

requires('docker')('the log of the balancer', () => {
  const name = `balancer-${randomBytes(3).toString('hex')}`;
  afterAll(() => docker(['rm', '--force', '--volumes', name]));

  /** From within: what it listens on is nobody else's. */
  const get = (port: number, path: string) =>
    docker([
      'exec',
      name,
      'bash',
      '-c',
      `exec 3<>/dev/tcp/127.0.0.1/${port}; printf 'GET ${path} HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3`,
    ]);

  it('has what clients ask, and nothing of probes and of who collects metrics', async () => {
    const file = resolve('docker/haproxy.cfg');
    await docker([
      'run',
      '--detach',
      '--name',
      name,
      '--volume',
      `${file}:/usr/local/etc/haproxy/haproxy.cfg:ro`,
      IMAGE,
    ]);
    await eventually('it answers', () => get(8404, '/healthz'));
    expect(await get(8404, '/metrics')).toContain('haproxy_process_uptime_seconds');
    expect(await get(8404, '/readyz')).toContain(' 503 ');
    expect(await get(8900, '/livez')).toContain(' 503 '); // it has no gateway
    const requests = async () => (await docker(['logs', name])).match(/^.* rc=.*$/gm) ?? [];
    await eventually('the client is in it', async () => (await requests()).length > 0);
    expect(await requests()).toEqual([expect.stringContaining('503 rc=0 srv=<NOSRV>')]);
  }, 60_000);
});
