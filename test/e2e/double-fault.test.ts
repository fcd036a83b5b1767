import { afterAll, beforeAll, expect, it } from 'vitest';
import { openProcessTable } from '../../src/os/open-process-table.ts';
import { eventually } from '../support/eventually.ts';
import { connect, textOf } from '../support/mcp-clients.ts';
import { Replicas } from '../support/replicas.ts';
import { requires } from '../support/requires.ts';
import { RoundRobin } from '../support/round-robin.ts';

requires('redis')('gateways and instance die within one call', () => {
  let replicas: Replicas;
  beforeAll(async () => {
    // The answer does not begin before the call is over, so the balancer may send it again all the while.
    replicas = await Replicas.start(2, 1, { MCP_SESSION_MANAGER_STREAM_AFTER: '60s' });
  }, 60_000);
  afterAll(() => replicas[Symbol.asyncDispose]());

  it('[once] the balancer sends the call again: it is not run again, and its client is told that the outcome is unknown', {
    timeout: 60_000,
  }, async () => {
    await using balancer = await RoundRobin.start(() => replicas.gateways.map(({ url }) => url));
    const { session, token } = await replicas.open();
    const client = await connect(`${balancer.url}/mcp/counting`, token);
    const counted = textOf(await client.callTool({ name: 'increment', arguments: {} }));
    const host = Number((await replicas.view(0, session.id)).servers[0]?.instance);
    const before = replicas.count('sleep');
    const failed = expect(client.callTool({ name: 'sleep', arguments: { seconds: 20 } })).rejects.toMatchObject({
      code: -33017,
      message: expect.stringContaining('whether the call took effect is unknown'),
    });
    await eventually('the call runs', async () => replicas.count('sleep') > before);
    await Promise.all(replicas.gateways.map((gateway) => gateway.kill()));
    process.kill(host, 'SIGKILL');
    await eventually('the host is gone', async () => openProcessTable().identity(host) === undefined);
    await replicas.gateway(0).start();
    await failed;
    expect(replicas.count('sleep')).toBe(before + 1);
    // What is new runs as ever, on the next instance.
    expect(textOf(await client.callTool({ name: 'increment', arguments: {} }))).toBe(counted);
    expect((await replicas.view(0, session.id)).servers).toMatchObject([{ state: 'ready', restarts: 1 }]);
    await client.close();
  });
});
