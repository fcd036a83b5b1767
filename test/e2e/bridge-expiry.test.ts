import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SessionList } from '../../src/core/api.ts';
import { legacyClient, modernClient } from '../support/bridge-sdk-clients.ts';
import { eventually } from '../support/eventually.ts';
import { TestManager } from '../support/manager.ts';
import { textOf } from '../support/mcp-clients.ts';

let manager: TestManager;
beforeAll(async () => {
  manager = await TestManager.start({ env: { MCP_SESSION_MANAGER_MAX_AGE: '8s', MCP_SESSION_MANAGER_IDLE_TTL: '8s' } });
});
afterAll(() => manager[Symbol.asyncDispose]());

describe('a session that has reached its maximum age, and its token', () => {
  it.each([
    ['2025-11-25', legacyClient],
    ['2026-07-28', modernClient],
  ] as const)('are replaced with the next call of a client of %s', async (revision, connect) => {
    const client = await connect({ name: revision, workspace: manager.workspace, env: manager.shellEnv });
    const sessions = async () => (await manager.api<SessionList>('GET', '/api/sessions')).sessions;
    const find = async () => (await sessions()).find(({ terminal }) => terminal.name.includes(revision.slice(0, 4)));
    /** Of the server's process: a session has its own, and this one may be over by the time that one could look. */
    const pid = async () => (JSON.parse(textOf(await client.callTool({ name: 'whoami' }))) as { pid: number }).pid;
    const before = await pid();
    await eventually('its end', async () => (await find()) === undefined);
    expect(await pid()).not.toBe(before);
  });
});
