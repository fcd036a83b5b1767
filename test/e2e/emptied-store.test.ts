import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import type { CleanupResult } from '../../src/core/api.ts';
import { eventually } from '../support/eventually.ts';
import { TestManager } from '../support/manager.ts';
import { connect, textOf } from '../support/mcp-clients.ts';
import { RedisServer } from '../support/redis.ts';
import { requires } from '../support/requires.ts';

const echo = async (manager: TestManager, token: string) => {
  const client = await connect(`${manager.url}/mcp/counting`, token);
  const text = textOf(await client.callTool({ name: 'echo', arguments: { text: 'here' } }));
  await client.close();
  return text;
};

const instanceOf = async (manager: TestManager, id: string) => (await manager.view(id)).servers[0]?.instance;

describe('a store that has lost everything', () => {
  it('[survive.emptied] the file, while the manager is down: sessions come back with their instances, tokens and connections', async () => {
    await using manager = await TestManager.start();
    const sessions = await Promise.all([1, 2, 3].map(() => manager.open()));
    const clients = await Promise.all(
      sessions.map(({ token }, i) => connect(`${manager.url}${i === 0 ? '/mcp' : '/mcp/counting'}`, token)),
    );
    const ended = await manager.open();
    const ids = sessions.map(({ session }) => session.id);
    const before = await Promise.all(ids.map((id) => instanceOf(manager, id)));
    await manager.api('DELETE', `/api/sessions/${ended.session.id}`);
    await eventually('its instance ends', async () => (await manager.instances()).length === 2 * ids.length);
    await manager.kill('SIGKILL');
    for (const name of readdirSync(manager.state)) if (name.startsWith('store.db')) rmSync(join(manager.state, name));
    await manager.start();
    for (const [i, client] of clients.entries()) {
      const name = i === 0 ? 'counting_echo' : 'echo';
      expect(textOf(await client.callTool({ name, arguments: { text: `still ${i}` } }))).toBe(`still ${i}`);
      await client.close();
    }
    expect(await Promise.all(ids.map((id) => instanceOf(manager, id)))).toEqual(before);
    for (const { token } of sessions) expect(await echo(manager, token)).toBe('here');
    await expect(manager.view(ended.session.id)).rejects.toThrow('404');
    expect(await manager.api<CleanupResult>('POST', '/api/cleanup')).toEqual({ sessions: [], orphans: 0 });
    for (const id of ids) await manager.api('DELETE', `/api/sessions/${id}`);
    await eventually('all instances end', async () => (await manager.instances()).length === 0);
  });

  requires('redis')('Redis', () => {
    it('[survive.emptied] emptied in the middle of calls: no call fails, none runs twice, no session is lost', async () => {
      await using redis = await RedisServer.start();
      await using manager = await TestManager.start({ env: { MCP_SESSION_MANAGER_STORE: redis.url } });
      const { session, token } = await manager.open();
      const resting = await manager.open({ lazy: true });
      const before = await instanceOf(manager, session.id);
      const client = await connect(`${manager.url}/mcp/counting`, token);
      const admin = new Redis(redis.url);
      const calls = manager.count('echo');
      for (let n = 0; n < 40; n++) {
        if (n % 10 === 5) await admin.flushall();
        expect(textOf(await client.callTool({ name: 'echo', arguments: { text: String(n) } }))).toBe(String(n));
      }
      expect(manager.count('echo')).toBe(calls + 40);
      await admin.flushall();
      expect(await instanceOf(manager, session.id)).toBe(before);
      expect(await echo(manager, resting.token)).toBe('here');
      await admin.flushall();
      await manager.api('DELETE', `/api/sessions/${session.id}`);
      await manager.api('DELETE', `/api/sessions/${resting.session.id}`);
      await eventually('all instances end', async () => (await manager.instances()).length === 0);
      await client.close();
      await admin.quit();
    });

    it('[survive.emptied] emptied, and then the instance dies, of which nobody else knew the connection: it goes on', async () => {
      await using redis = await RedisServer.start();
      await using manager = await TestManager.start({ env: { MCP_SESSION_MANAGER_STORE: redis.url } });
      const { session, token } = await manager.open();
      const client = await connect(`${manager.url}/mcp/counting`, token);
      const say = async (text: string) => textOf(await client.callTool({ name: 'echo', arguments: { text } }));
      const admin = new Redis(redis.url);
      await admin.flushall();
      await eventually('the store is complete again', () => admin.hget('mcp:generation', 'begun'));
      await eventually('the store knows the connection again', async () => {
        expect(await say('still')).toBe('still');
        return (await manager.view(session.id)).connections === 1;
      });
      process.kill(Number(await instanceOf(manager, session.id)), 'SIGKILL');
      await eventually('the next one runs', async () => (await manager.view(session.id)).servers[0]?.restarts === 1);
      expect(await say('on')).toBe('on');
      await client.close();
      await admin.quit();
    });
  });
});
