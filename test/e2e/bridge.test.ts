import { ResourceUpdatedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { SessionList } from '../../src/core/api.ts';
import { ERRORS } from '../../src/core/errors.ts';
import { BridgeProcess } from '../support/bridge-process.ts';
import { type BridgePlace, bridgeCommand, legacyClient } from '../support/bridge-sdk-clients.ts';
import { eventually } from '../support/eventually.ts';
import { TestManager } from '../support/manager.ts';
import { textOf } from '../support/mcp-clients.ts';

let manager: TestManager;
beforeAll(async () => {
  manager = await TestManager.start();
});
afterAll(() => manager[Symbol.asyncDispose]());

const sessionOf = async (name: string) => {
  const { sessions } = await manager.api<SessionList>('GET', '/api/sessions');
  return sessions.find(({ terminal }) => terminal.name === name);
};

const place = (name: string): BridgePlace => ({ name, workspace: manager.workspace, env: manager.shellEnv });

/** The bridge, spoken to in lines. */
function raw(name: string): BridgeProcess {
  const bridge = new BridgeProcess(bridgeCommand(place(name)));
  onTestFinished(() => bridge[Symbol.asyncDispose]());
  return bridge;
}

describe('a session that its owner has ended', () => {
  it('is a new one with the next call, in which the client’s subscriptions are there again', async () => {
    const client = await legacyClient(place('ended'));
    const updates: string[] = [];
    client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => void updates.push(params.uri));
    await client.subscribeResource({ uri: 'counter://value' });
    const before = await sessionOf('ended');
    await manager.api('DELETE', `/api/sessions/${before?.id}`);
    expect(textOf(await client.callTool({ name: 'echo', arguments: { text: 'on' } }))).toBe('on');
    expect((await sessionOf('ended'))?.createdAt).not.toBe(before?.createdAt);
    await eventually('the client to hear that it may have missed something', async () => updates.length === 1);
    await client.callTool({ name: 'increment' });
    await eventually('the next update', async () => updates.length === 2);
  });
});

describe('an instance that dies in the middle of a call', () => {
  it('leaves an outcome that is unknown, and the call is not run again', async () => {
    const client = await legacyClient(place('died'));
    const before = manager.count('sleep');
    const slept = expect(client.callTool({ name: 'sleep', arguments: { seconds: 30 } })).rejects.toMatchObject({
      code: ERRORS['call.outcome-unknown'].rpc,
    });
    await eventually('the call runs', async () => manager.count('sleep') > before);
    const session = await sessionOf('died');
    process.kill(Number(session?.servers.find(({ name }) => name === 'counting')?.instance), 'SIGKILL');
    await slept;
    expect(textOf(await client.callTool({ name: 'echo', arguments: { text: 'on' } }))).toBe('on');
    expect(manager.count('sleep')).toBe(before + 1);
  });
});

describe('a client of 2024-11-05', () => {
  it('is spoken to in its own revision', async () => {
    const bridge = raw('old');
    const params = { protocolVersion: '2024-11-05', capabilities: {}, clientInfo: { name: 'old', version: '1' } };
    bridge.send({ jsonrpc: '2.0', id: 1, method: 'initialize', params });
    expect((await bridge.answer(1)).result.protocolVersion).toBe('2024-11-05');
    bridge.send({ jsonrpc: '2.0', method: 'notifications/initialized' });
    bridge.send({ jsonrpc: '2.0', id: 2, method: 'tools/call', params: { name: 'echo', arguments: { text: 'hi' } } });
    expect(textOf((await bridge.answer(2)).result)).toBe('hi');
    expect(await bridge.end()).toBe(0);
  });
});
