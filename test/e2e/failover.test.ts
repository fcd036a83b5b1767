import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect, textOf } from '../support/mcp-clients.ts';
import { TestManager } from '../support/manager.ts';

describe('the manager dies by SIGKILL and is started again', () => {
  let manager: TestManager;
  beforeAll(async () => {
    manager = await TestManager.start();
  });
  afterAll(() => manager[Symbol.asyncDispose]());

  it('the same client gets the result of the call that was running, which ran once', async () => {
    const { token } = await manager.open();
    const client = await connect(`${manager.url}/mcp/counting`, token);
    const call = client.callTool({ name: 'sleep', arguments: { seconds: 5 } });
    await new Promise((resolve) => setTimeout(resolve, 1500)); // the stream has begun
    await manager.kill('SIGKILL');
    await manager.start();
    expect(textOf(await call)).toBe('slept 5');
    expect(manager.count('sleep')).toBe(1);
    expect(textOf(await client.callTool({ name: 'echo', arguments: { text: 'on' } }))).toBe('on');
    await client.close();
  });

  it('100 idle sessions go on, with their connections and their servers', async () => {
    const sessions = await Promise.all(Array.from({ length: 10 }, () => manager.open()));
    const clients = [];
    for (const { token } of sessions) {
      for (let i = 0; i < 10; i++) clients.push(await connect(`${manager.url}/mcp/counting`, token));
    }
    await manager.kill('SIGKILL');
    await manager.start();
    const answers = await Promise.all(
      clients.map((client, i) => client.callTool({ name: 'echo', arguments: { text: String(i) } })),
    );
    expect(answers.map(textOf)).toEqual(clients.map((_, i) => String(i)));
    for (const { session } of sessions) expect((await manager.view(session.id)).connections).toBe(10);
    await Promise.all(clients.map((client) => client.close()));
  });
});
