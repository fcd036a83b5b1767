import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { eventually } from '../support/eventually.ts';
import { textOf } from '../support/mcp-clients.ts';
import { callTool, rpc } from '../support/raw-mcp.ts';
import { Replicas } from '../support/replicas.ts';
import { requires } from '../support/requires.ts';
import { RoundRobin } from '../support/round-robin.ts';
import { RawSse } from './http-sse-client.ts';

async function connect(url: string, token: string): Promise<Client> {
  const client = new Client({ name: 'test', version: '1' });
  const requestInit = { headers: { authorization: `Bearer ${token}` } };
  await client.connect(new SSEClientTransport(new URL(url), { requestInit }) as never);
  return client;
}

requires('redis')('HTTP+SSE with several gateways', () => {
  let replicas: Replicas;
  beforeAll(async () => {
    replicas = await Replicas.start(2, 1);
  }, 60_000);
  afterAll(() => replicas[Symbol.asyncDispose]());

  const at = (n: number): string => replicas.gateway(n).url;
  const open = (n: number, token: string, lastEventId?: string): Promise<RawSse> =>
    RawSse.open(`${at(n)}/sse/counting`, token, lastEventId);
  const running = async (before: number): Promise<void> => {
    await eventually('the call runs', async () => replicas.count('sleep') > before);
  };

  it('[sse.any-replica] the stream is at one, and all messages are posted to another', async () => {
    const { token } = await replicas.open();
    using stream = await open(0, token);
    expect((await stream.initialize('2024-11-05', at(1))).result).toMatchObject({ serverInfo: { name: 'counting' } });
    for (const n of [1, 0, 1]) {
      const answer = await stream.ask(
        callTool(`at ${n} ${stream.messages.length}`, 'echo', { text: `at ${n}` }),
        at(n),
      );
      expect(textOf(answer.result)).toBe(`at ${n}`);
    }
    expect(await stream.ask(rpc('p', 'ping'), at(1))).toMatchObject({ id: 'p', result: {} });
  });

  it('[sse.any-replica] a repeated POST runs its call once, wherever it comes to', async () => {
    const { token } = await replicas.open();
    using stream = await open(0, token);
    await stream.initialize();
    const before = replicas.count('echo');
    const statuses = [];
    for (const n of [0, 1]) {
      const response = await fetch(new URL(stream.endpoint ?? '', at(n)), {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'idempotency-key': 'one-key' },
        body: JSON.stringify(callTool(1, 'echo', { text: 'once' })),
      });
      statuses.push(response.status);
    }
    expect(statuses).toEqual([202, 202]);
    expect(textOf((await stream.answer(1)).result)).toBe('once');
    await stream.ask(rpc(2, 'ping'), at(1));
    expect(stream.messages.filter(({ id }) => id === 1)).toHaveLength(1);
    expect(replicas.count('echo')).toBe(before + 1);
  });

  it('[sse.adopt] a client that is initialized anew at another replica than its stream is heard there', async () => {
    const { token } = await replicas.open();
    using stream = await open(0, token);
    await stream.initialize('2024-11-05', at(1));
    const params = { protocolVersion: '2025-03-26', capabilities: {}, clientInfo: { name: 'raw', version: '2' } };
    const { result } = await stream.ask(rpc('anew', 'initialize', params), at(1));
    expect(result).toMatchObject({ protocolVersion: '2025-03-26' });
    for (const n of [0, 1]) {
      expect(textOf((await stream.ask(callTool(n, 'echo', { text: `at ${n}` }), at(n))).result)).toBe(`at ${n}`);
    }
  });

  it('[sse.adopt] the replica with the stream is killed in the middle of a call: its client comes back to another', async () => {
    const { session, token } = await replicas.open();
    const stream = await open(0, token);
    await stream.initialize();
    const before = replicas.count('sleep');
    await stream.post(callTool(1, 'sleep', { seconds: 6 }), at(1));
    await running(before);
    await replicas.gateway(0).kill();
    await stream.end();
    // An answer of the host's: by then it has noticed that nobody has the stream any more.
    await eventually('its host knows', async () => (await replicas.view(1, session.id)).servers[0]?.state === 'ready');
    using again = await open(1, token);
    expect(again.endpoint).toBe(stream.endpoint);
    expect(textOf((await again.answer(1)).result)).toBe('slept 6');
    expect(replicas.count('sleep')).toBe(before + 1);
    await replicas.gateway(0).start();
  });

  it('[sse.adopt] so does the official client behind a balancer, by itself, and the next call is served', async () => {
    await using balancer = await RoundRobin.start(() => replicas.gateways.map(({ url }) => url));
    const { token } = await replicas.open();
    const client = await connect(`${balancer.url}/sse/counting`, token);
    for (const n of [0, 1]) {
      const before = replicas.count('sleep');
      const call = client.callTool({ name: 'sleep', arguments: { seconds: 3 } });
      await running(before);
      // Whichever of them has the stream, it is one of the two.
      await replicas.gateway(n).kill();
      expect(textOf(await call)).toBe('slept 3');
      expect(replicas.count('sleep')).toBe(before + 1);
      await replicas.gateway(n).start();
      expect(textOf(await client.callTool({ name: 'echo', arguments: { text: 'on' } }))).toBe('on');
    }
    await client.close();
  });

  it('[sse.adopt] a replica that is asked to end sends its clients elsewhere', async () => {
    const { token } = await replicas.open();
    const stream = await open(0, token);
    await stream.initialize();
    const before = replicas.count('sleep');
    await stream.post(callTool(1, 'sleep', { seconds: 6 }));
    await running(before);
    replicas.gateway(0).signal('SIGTERM');
    await stream.end();
    using again = await open(1, token, stream.lastEventId);
    expect(again.endpoint).toBe(stream.endpoint);
    expect(textOf((await again.answer(1)).result)).toBe('slept 6');
    expect(again.messages).toHaveLength(1);
    expect(await replicas.gateway(0).gone()).toBe(0);
    await replicas.gateway(0).start();
  });

  it('[sse.adopt] replicas are restarted one by one under steady calls: each call is answered, and runs once', {
    timeout: 120_000,
  }, async () => {
    await using balancer = await RoundRobin.start(() => replicas.gateways.map(({ url }) => url));
    const stop = new AbortController();
    const before = replicas.count('increment');
    const worker = async (): Promise<number> => {
      const { token } = await replicas.open();
      const client = await connect(`${balancer.url}/sse/counting`, token);
      let calls = 0;
      while (!stop.signal.aborted) {
        calls += 1;
        expect(textOf(await client.callTool({ name: 'increment' }))).toBe(String(calls));
        await systemClock.sleep(20);
      }
      await client.close();
      return calls;
    };
    const workers = [1, 2, 3].map(worker);
    const roll = async (): Promise<void> => {
      for (const gateway of replicas.gateways) {
        gateway.signal('SIGTERM');
        expect(await gateway.gone()).toBe(0);
        await gateway.start();
      }
    };
    await Promise.race([roll(), Promise.all(workers)]);
    stop.abort();
    const calls = (await Promise.all(workers)).reduce((a, b) => a + b, 0);
    expect(calls).toBeGreaterThan(10);
    expect(replicas.count('increment') - before).toBe(calls);
  });
});
