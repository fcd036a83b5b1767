import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import template from '../../config/proxmox-config.json' with { type: 'json' };
import type { OpenedSession } from '../../src/core/api.ts';
import { ProxmoxSimulator } from '../fakes/proxmox/simulator.ts';
import { eventually } from '../support/eventually.ts';
import { TestManager } from '../support/manager.ts';
import { connect, textOf, transport } from '../support/mcp-clients.ts';

const SECRET = '0a1b2c3d-0000-4000-8000-123456789abc';

let pve: ProxmoxSimulator;
let manager: TestManager;
let session: OpenedSession;
beforeAll(async () => {
  pve = await ProxmoxSimulator.start({ tokens: { 'root@pam!mcp': SECRET } });
  const [[name, server] = []] = [Object.entries(template.servers)[0]];
  const config = { ...template, servers: { [String(name)]: { ...server, port: pve.port } } };
  manager = await TestManager.start({
    servers: {
      proxmox: {
        module: '${dist}/servers/proxmox.js',
        variables: ['PROXMOX_HOST', 'PROXMOX_USER', 'PROXMOX_TOKEN'],
        files: { 'proxmox-config.json': 'proxmox-config.json' },
      },
    },
    files: { 'proxmox-config.json': JSON.stringify(config) },
  });
  const variables = { PROXMOX_HOST: '127.0.0.1', PROXMOX_USER: 'root@pam', PROXMOX_TOKEN: `mcp=${SECRET}` };
  session = await manager.open({ servers: ['proxmox'], variables });
}, 60_000);
afterAll(async () => {
  await manager?.[Symbol.asyncDispose]();
  await pve?.[Symbol.asyncDispose]();
});

const tokenOf = (result: unknown) =>
  (result as { structuredContent: { plan_token?: string } }).structuredContent.plan_token;

it.each(['/mcp', '/mcp/proxmox'])(
  '[proxmox.person] a person is asked through %s before something is destroyed',
  async (path) => {
    const asked: string[] = [];
    const client = new Client({ name: 'asker', version: '1' }, { capabilities: { elicitation: {} } });
    client.setRequestHandler(ElicitRequestSchema, ({ params }) => {
      asked.push(params.message);
      return asked.length === 1 ? { action: 'decline' } : { action: 'accept', content: { confirm: true } };
    });
    await client.connect(transport(`${manager.url}${path}`, session.token) as never);
    onTestFinished(() => client.close());
    const name = path === '/mcp' ? 'proxmox_pve_delete_snapshot' : 'pve_delete_snapshot';
    const args = { vmid: 102, name: path === '/mcp' ? 'auto-1' : 'auto-2' };
    const call = (more: object = {}) => client.callTool({ name, arguments: { ...args, ...more } });
    const before = pve.writes.length;
    const declined = await call({ plan_token: tokenOf(await call()) });
    expect(textOf(declined)).toMatch(/did not agree/);
    expect(pve.writes).toHaveLength(before);
    const applied = await call({ plan_token: tokenOf(await call()) });
    expect(applied).toMatchObject({ structuredContent: { applied: true, changes: [{ outcome: 'done' }] } });
    expect(asked).toEqual([expect.stringContaining(`delete snapshot "${args.name}"`), expect.any(String)]);
    expect(pve.writes).toHaveLength(before + 1);
  },
);

it('[proxmox.once] a task is waited for, with progress, over a manager that dies meanwhile, and is begun once', {
  timeout: 60_000,
}, async () => {
  pve.tasks.taskMs = 600_000;
  const client = await connect(`${manager.url}/mcp/proxmox`, session.token);
  const messages: string[] = [];
  const before = pve.writes.length;
  const pending = client.callTool({ name: 'pve_power', arguments: { vmids: [103], action: 'start' } }, undefined, {
    onprogress: ({ message }) => void messages.push(message ?? ''),
  });
  await eventually('progress is there', async () => messages.length > 0);
  await manager.kill();
  await manager.start();
  pve.tasks.taskMs = 0;
  pve.tasks.finish();
  expect(await pending).toMatchObject({ structuredContent: { changes: [{ outcome: 'done', state: 'running' }] } });
  expect(pve.writes).toHaveLength(before + 1);
  await client.close();
});

it('[proxmox.audit] the record outlives the instance, in a file that is there for its user alone', {
  timeout: 60_000,
}, async () => {
  const client = await connect(`${manager.url}/mcp/proxmox`, session.token);
  const audited = async () =>
    (await client.callTool({ name: 'pve_audit_log', arguments: {} })).structuredContent as { records: object[] };
  await client.callTool({ name: 'pve_power', arguments: { vmids: [104], action: 'start' } });
  const before = await audited();
  expect(before.records.at(-1)).toMatchObject({ tool: 'pve_power', target: 'qemu/104', result: 'done' });
  const path = `/api/sessions/${session.session.id}/servers/proxmox`;
  await manager.api('POST', `${path}/stop`);
  await manager.api('POST', `${path}/start`);
  expect(await audited()).toEqual(before);
  const file = join(manager.runtimeRoot, 'logs', session.session.id, 'proxmox.audit');
  expect(readFileSync(file, 'utf8').trim().split('\n')).toEqual(before.records.map((one) => JSON.stringify(one)));
  expect(statSync(file).mode & 0o777).toBe(0o600);
  await client.close();
});
