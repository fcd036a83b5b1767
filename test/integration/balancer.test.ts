import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { UnstickyBalancer } from '../conformance/balancer.ts';
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
