import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { eventually } from '../support/eventually.ts';
import { TestManager } from '../support/manager.ts';
import { textOf } from '../support/mcp-clients.ts';
import { type Answer, callTool, messagesOf, RawMcp } from '../support/raw-mcp.ts';

const IDLE_MS = 500;

let manager: TestManager;
beforeAll(async () => {
  const env = { MCP_SESSION_MANAGER_INSTANCE_IDLE: `${IDLE_MS}ms`, MCP_SESSION_MANAGER_START: 'first-use' };
  manager = await TestManager.start({ env });
});
afterAll(() => manager[Symbol.asyncDispose]());

/** The text of a tool's answer: one that takes more than a second comes as a stream. */
const resultOf = ({ json, events }: Answer): string =>
  textOf((messagesOf(events)[0] ?? (json as { result: unknown })).result);

const stateOf = async (id: string) => (await manager.view(id)).servers[0]?.state;

describe('a server that nobody uses', () => {
  it('[scale.zero] starts with the first call, is stopped, and starts again with the next one', async () => {
    const { session, token } = await manager.open();
    expect(session.servers[0]?.state).toBe('idle');
    expect(await manager.instances()).toEqual([]);
    const client = new RawMcp(`${manager.url}/mcp/counting`, token);
    await client.initialize();
    for (const text of ['one', 'two']) {
      expect(resultOf(await client.post(callTool(text, 'echo', { text })))).toBe(text);
      await eventually('it is stopped', async () => (await stateOf(session.id)) === 'idle');
      await eventually('nothing is left', async () => (await manager.instances()).length === 0);
    }
    expect((await manager.view(session.id)).servers[0]?.restarts).toBe(0);
  });

  it('is kept up by a client that listens', async () => {
    const { session, token } = await manager.open();
    const client = new RawMcp(`${manager.url}/mcp/counting`, token);
    await client.initialize();
    const stream = await client.send('GET', undefined);
    // It may have been stopped before; it runs now that somebody listens.
    const before = await eventually('it runs', async () => (await manager.view(session.id)).servers[0]?.instance);
    await systemClock.sleep(IDLE_MS * 4);
    expect((await manager.view(session.id)).servers[0]).toMatchObject({ state: 'ready', instance: before });
    await stream.body?.cancel();
  });

  // Calls that come at the very moment at which the server is being stopped: each must be answered, and run once.
  it('[scale.race] loses no call that comes while it is being stopped', { timeout: 120_000 }, async () => {
    const { token } = await manager.open();
    const clients = await Promise.all(
      [0, 1].map(async () => {
        const client = new RawMcp(`${manager.url}/mcp/counting`, token);
        await client.initialize();
        return client;
      }),
    );
    const before = manager.count('echo');
    const starts = new Set<string>();
    for (let n = 0; n < 20; n++) {
      await systemClock.sleep(IDLE_MS - 40 + n * 5);
      const answers = await Promise.all(
        clients.map((client, m) => client.post(callTool(`${n}/${m}`, 'echo', { text: 't' }))),
      );
      expect(answers.map(resultOf)).toEqual(['t', 't']);
      for (const pid of await manager.instances()) starts.add(String(pid));
    }
    expect(manager.count('echo')).toBe(before + 40);
    expect(starts.size).toBeGreaterThan(4); // it was stopped now and then
  });
});
