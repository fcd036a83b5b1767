import { afterAll, beforeAll, expect, it } from 'vitest';
import { type BridgePlace, legacyClient, modernClient } from '../support/bridge-sdk-clients.ts';
import { eventually } from '../support/eventually.ts';
import { textOf } from '../support/mcp-clients.ts';
import { Replicas } from '../support/replicas.ts';
import { requires } from '../support/requires.ts';
import { RoundRobin } from '../support/round-robin.ts';

requires('redis')('the bridge to three gateways, of which each request meets another', () => {
  let replicas: Replicas;
  let balancer: RoundRobin;
  beforeAll(async () => {
    replicas = await Replicas.start(3, 1);
    balancer = await RoundRobin.start(() => replicas.gateways.map(({ url }) => url));
  }, 60_000);
  afterAll(async () => {
    await balancer[Symbol.asyncDispose]();
    await replicas[Symbol.asyncDispose]();
  });

  const place = (name: string): BridgePlace => {
    const env = {
      HOME: replicas.root,
      MCP_SESSION_MANAGER_STATE: replicas.state,
      MCP_SESSION_MANAGER_URL: balancer.url,
    };
    return { name, workspace: replicas.workspace, env };
  };

  it.each([
    ['2025-11-25', 'SIGKILL', legacyClient],
    ['2025-11-25', 'SIGTERM', legacyClient],
    ['2026-07-28', 'SIGKILL', modernClient],
    ['2026-07-28', 'SIGTERM', modernClient],
  ] as const)(
    'brings a client of %s the results of calls that ran once, while one gateway after the other is replaced by %s',
    { timeout: 120_000 },
    async (revision, signal, connect) => {
      const client = await connect(place(`${signal} ${revision}`));
      const before = replicas.count('sleep');
      const calls = Promise.all(
        [1, 2, 3, 4, 5].map((n) => client.callTool({ name: 'sleep', arguments: { seconds: 6 + n / 10 } })),
      );
      await eventually('the calls run', async () => replicas.count('sleep') === before + 5);
      for (const gateway of replicas.gateways) {
        gateway.signal(signal);
        await gateway.gone();
        await gateway.start();
      }
      expect((await calls).map(textOf)).toEqual([1, 2, 3, 4, 5].map((n) => `slept ${6 + n / 10}`));
      expect(replicas.count('sleep')).toBe(before + 5);
      expect(textOf(await client.callTool({ name: 'echo', arguments: { text: 'on' } }))).toBe('on');
    },
  );
});
