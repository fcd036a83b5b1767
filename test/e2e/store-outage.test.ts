import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { textOf } from '../support/mcp-clients.ts';
import { Replicas } from '../support/replicas.ts';
import { requires } from '../support/requires.ts';

requires('redis')('Redis is out of reach', () => {
  let replicas: Replicas;
  /** The gateway that requests go to. */
  let at = 0;
  beforeAll(async () => {
    replicas = await Replicas.start(3, 1);
  }, 60_000);
  afterAll(() => replicas[Symbol.asyncDispose]());

  /** The official SDK's client, of which nobody knows at which gateway its next request arrives. */
  async function moving(token: string): Promise<Client> {
    const client = new Client({ name: 'moving', version: '1' });
    const here = (url: string | URL) => `${replicas.gateway(at).url}${new URL(url).pathname}`;
    const transport = new StreamableHTTPClientTransport(new URL('http://gateway/mcp/counting'), {
      requestInit: { headers: { authorization: `Bearer ${token}` } },
      fetch: (url, init) => fetch(here(url), init),
    });
    await client.connect(transport as never);
    return client;
  }

  it.each([
    {
      what: 'stopped and continued',
      gateway: 1,
      begin: async () => replicas.redis.pause(),
      end: async () => replicas.redis.resume(),
    },
    {
      what: 'killed and started again, empty',
      gateway: 2,
      begin: () => replicas.redis.kill(),
      end: () => replicas.redis.restart(),
    },
  ])(
    '[replicas.any] $what: a client that comes to a gateway which has not seen it waits, and gets its answer',
    {
      timeout: 60_000,
    },
    async ({ gateway, begin, end }) => {
      at = 0;
      const { token } = await replicas.open();
      const client = await moving(token);
      expect(textOf(await client.callTool({ name: 'increment', arguments: {} }))).toBe('1');
      const before = replicas.count('increment');
      await begin();
      at = gateway;
      let settled = false;
      const call = client.callTool({ name: 'increment', arguments: {} }).finally(() => {
        settled = true;
      });
      // Whoever looks after the gateway is told at once, and so is who uses the API.
      const { url } = replicas.gateway(gateway);
      await eventually('it is not ready', async () => (await fetch(`${url}/readyz`)).status === 503);
      await expect(replicas.api(gateway, 'GET', '/api/sessions')).rejects.toThrow(/ 503 /);
      expect((await fetch(`${url}/livez`)).status).toBe(200);
      expect(settled).toBe(false);
      expect(replicas.count('increment')).toBe(before);
      await end();
      expect(textOf(await call)).toBe('2');
      expect(replicas.count('increment')).toBe(before + 1);
      await client.close();
    },
  );
});
