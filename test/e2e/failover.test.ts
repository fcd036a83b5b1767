import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { ToolListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { TestManager } from '../support/manager.ts';
import { connect, textOf, transport } from '../support/mcp-clients.ts';
import { RedisServer } from '../support/redis.ts';
import { requires } from '../support/requires.ts';

const ECHO_MODULE = fileURLToPath(new URL('../fakes/servers/echo-module.ts', import.meta.url));

let manager: TestManager;
beforeAll(async () => {
  manager = await TestManager.start({
    servers: { quiet: { module: ECHO_MODULE } },
    env: { MCP_SESSION_MANAGER_SESSIONS_PER_OWNER: '200' },
  });
});
afterAll(() => manager[Symbol.asyncDispose]());

/** A call that runs. Its stream, which begins after a second of silence, has begun: the client can come back for the answer. */
async function sleeping(client: Client, seconds: number): Promise<{ readonly call: Promise<unknown> }> {
  const began = Promise.withResolvers<void>();
  const options = { onresumptiontoken: () => began.resolve() };
  const call = client.callTool({ name: 'sleep', arguments: { seconds } }, undefined, options);
  await Promise.race([began.promise, call]);
  return { call };
}

describe('the manager', () => {
  it.each(['SIGKILL', 'SIGTERM'] as const)(
    '[survive.kill] ended by %s and started again: the same client gets the result of the call that was running, which ran once',
    async (signal) => {
      const { token } = await manager.open();
      const client = await connect(`${manager.url}/mcp/counting`, token);
      const before = manager.count('sleep');
      const { call } = await sleeping(client, 5);
      await manager.kill(signal);
      await manager.start();
      expect(textOf(await call)).toBe('slept 5');
      expect(manager.count('sleep')).toBe(before + 1);
      expect(textOf(await client.callTool({ name: 'echo', arguments: { text: 'on' } }))).toBe('on');
      await client.close();
    },
  );

  it('[survive.idle] killed and started again: 100 idle sessions go on, none lost', { timeout: 240_000 }, async () => {
    const terminals: { readonly id: string; readonly client: Client }[] = [];
    for (let ten = 0; ten < 10; ten++) {
      const opened = await Promise.all(Array.from({ length: 10 }, () => manager.open({ servers: ['quiet'] })));
      for (const { session, token } of opened) {
        terminals.push({ id: session.id, client: await connect(`${manager.url}/mcp/quiet`, token) });
      }
    }
    const instances = async () =>
      Promise.all(terminals.map(async ({ id }) => (await manager.view(id)).servers[0]?.instance));
    const before = await instances();
    await manager.kill('SIGKILL');
    await manager.start();
    const answers = await Promise.all(
      terminals.map(({ client, id }) => client.callTool({ name: 'echo', arguments: { text: id } })),
    );
    expect(answers.map(textOf)).toEqual(terminals.map(({ id }) => id));
    expect(await instances()).toEqual(before);
    expect(new Set(before).size).toBe(100);
    await Promise.all(terminals.map(({ client }) => client.close()));
    await Promise.all(terminals.map(({ id }) => manager.api('DELETE', `/api/sessions/${id}`)));
  });
});

describe('an instance', () => {
  it('[outcome.unknown] killed in the middle of a call: the call fails and is not repeated, the client goes on', async () => {
    const { session, token } = await manager.open();
    const client = await connect(`${manager.url}/mcp/counting`, token);
    const before = manager.count('sleep');
    const { call } = await sleeping(client, 30);
    const failed = expect(call).rejects.toThrow(/whether the call took effect is unknown/);
    const pid = Number((await manager.view(session.id)).servers[0]?.instance);
    process.kill(pid, 'SIGKILL');
    await failed;
    expect(textOf(await client.callTool({ name: 'echo', arguments: { text: 'on' } }))).toBe('on');
    expect(manager.count('sleep')).toBe(before + 1);
    const [server] = (await manager.view(session.id)).servers;
    expect(server).toMatchObject({ state: 'ready', restarts: 1 });
    expect(server?.instance).not.toBe(String(pid));
    await client.close();
  });

  it('killed while a client listens: the client is told to look again at its lists', async () => {
    const { session, token } = await manager.open();
    const client = new Client({ name: 'listener', version: '1' });
    let changed = 0;
    client.setNotificationHandler(ToolListChangedNotificationSchema, () => void changed++);
    await client.connect(transport(`${manager.url}/mcp`, token) as never);
    await client.callTool({ name: 'counting_echo', arguments: { text: 'x' } });
    process.kill(Number((await manager.view(session.id)).servers[0]?.instance), 'SIGKILL');
    await eventually('it is told', async () => changed > 0);
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toContain('counting_echo');
    await client.close();
  });

  it('stopped by its owner: calls say how to start it; started again, the same client goes on', async () => {
    const { session, token } = await manager.open();
    const client = await connect(`${manager.url}/mcp/counting`, token);
    await manager.api('POST', `/api/sessions/${session.id}/servers/counting/stop`);
    await expect(client.callTool({ name: 'echo', arguments: { text: 'x' } })).rejects.toThrow(/start counting/);
    await manager.api('POST', `/api/sessions/${session.id}/servers/counting/start`);
    expect(textOf(await client.callTool({ name: 'echo', arguments: { text: 'on' } }))).toBe('on');
    await manager.api('POST', `/api/sessions/${session.id}/servers/counting/restart`);
    expect(textOf(await client.callTool({ name: 'echo', arguments: { text: 'still' } }))).toBe('still');
    await client.close();
  });
});

requires('redis')('with Redis for a store', () => {
  it('[survive.kill] the manager is killed and started again: sessions and connections are where they were', async () => {
    await using redis = await RedisServer.start();
    await using other = await TestManager.start({ env: { MCP_SESSION_MANAGER_STORE: redis.url } });
    const { session, token } = await other.open();
    const client = await connect(`${other.url}/mcp`, token);
    await other.kill('SIGKILL');
    await other.start();
    const answer = await client.callTool({ name: 'counting_echo', arguments: { text: 'on' } });
    expect(textOf(answer)).toBe('on');
    expect((await other.view(session.id)).connections).toBe(1);
    await client.close();
  });

  it('an outage of the store takes nothing from those who are served, and ends nothing', async () => {
    await using redis = await RedisServer.start();
    await using other = await TestManager.start({ env: { MCP_SESSION_MANAGER_STORE: redis.url } });
    const { session, token } = await other.open();
    const client = await connect(`${other.url}/mcp/counting`, token);
    const [before] = (await other.view(session.id)).servers;
    redis.pause();
    expect(textOf(await client.callTool({ name: 'echo', arguments: { text: 'on' } }))).toBe('on');
    expect((await fetch(`${other.url}/readyz`)).status).toBe(503);
    await expect(other.open()).rejects.toThrow(/503/);
    await expect(connect(`${other.url}/mcp/counting`, token)).rejects.toThrow(/Redis/);
    redis.resume();
    await eventually('the store is back', async () => (await fetch(`${other.url}/readyz`)).ok);
    expect(textOf(await client.callTool({ name: 'echo', arguments: { text: 'still on' } }))).toBe('still on');
    const [after] = (await other.view(session.id)).servers;
    expect(after?.instance).toBe(before?.instance);
    expect(before?.state).toBe('ready');
    await client.close();
  });
});
