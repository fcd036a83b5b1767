import type { Client } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SessionList } from '../../src/core/api.ts';
import { modernClient } from '../support/bridge-sdk-clients.ts';
import { eventually } from '../support/eventually.ts';
import { TestManager } from '../support/manager.ts';
import { textOf } from '../support/mcp-clients.ts';

let manager: TestManager;
beforeAll(async () => {
  manager = await TestManager.start();
});
afterAll(() => manager[Symbol.asyncDispose]());

async function bridged(name: string): Promise<Client> {
  const client = await modernClient({ name, workspace: manager.workspace, env: manager.shellEnv });
  expect(client.getNegotiatedProtocolVersion()).toBe('2026-07-28');
  return client;
}

describe('a client of 2026-07-28 on stdio', () => {
  it('uses tools and resources, is asked, and hears of changes', async () => {
    const client = await bridged('modern');
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toContain('echo');
    expect(textOf(await client.callTool({ name: 'echo', arguments: { text: 'hällo' } }))).toBe('hällo');
    expect(textOf(await client.callTool({ name: 'ask' }))).toBe('colour green');
    const { contents } = await client.readResource({ uri: 'counter://value' });
    expect(contents).toHaveLength(1);
    const changes: string[] = [];
    client.setNotificationHandler('notifications/tools/list_changed', ({ method }) => void changes.push(method));
    const subscription = await client.listen({ toolsListChanged: true });
    await client.callTool({ name: 'grow' });
    await eventually('the change', async () => changes.length > 0);
    await subscription.close();
  });

  it.each(['SIGKILL', 'SIGTERM'] as const)('goes on when the manager is started again after %s', async (signal) => {
    const client = await bridged(signal);
    const changes: string[] = [];
    client.setNotificationHandler('notifications/tools/list_changed', ({ method }) => void changes.push(method));
    await client.listen({ toolsListChanged: true });
    const before = manager.count('sleep');
    const slept = client.callTool({ name: 'sleep', arguments: { seconds: 3 } });
    await eventually('the call runs', async () => manager.count('sleep') > before);
    await manager.kill(signal);
    await manager.start();
    expect(textOf(await slept)).toBe('slept 3');
    expect(manager.count('sleep')).toBe(before + 1);
    await eventually('the change that may have been missed', async () => changes.length > 0);
  });

  it('goes on in a new session when its owner has ended the one it had', async () => {
    const client = await bridged('ended');
    const changes: string[] = [];
    client.setNotificationHandler('notifications/tools/list_changed', ({ method }) => void changes.push(method));
    await client.listen({ toolsListChanged: true });
    const { sessions } = await manager.api<SessionList>('GET', '/api/sessions');
    const session = sessions.find(({ terminal }) => terminal.name === 'ended');
    await manager.api('DELETE', `/api/sessions/${session?.id}`);
    expect(textOf(await client.callTool({ name: 'echo', arguments: { text: 'on' } }))).toBe('on');
    await eventually('the change that may have been missed', async () => changes.length > 0);
  });

  it('takes a call back, and goes on', async () => {
    const client = await bridged('cancelled');
    const before = manager.count('sleep');
    const taken = new AbortController();
    const slept = client.callTool({ name: 'sleep', arguments: { seconds: 300 } }, { signal: taken.signal });
    await eventually('the call runs', async () => manager.count('sleep') > before);
    taken.abort(new Error('enough'));
    await expect(slept).rejects.toThrow('enough');
    expect(textOf(await client.callTool({ name: 'echo', arguments: { text: 'on' } }))).toBe('on');
  });
});
