import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import template from '../../config/proxmox-config.json' with { type: 'json' };
import type { OpenedSession } from '../../src/core/api.ts';
import { ProxmoxSimulator } from '../fakes/proxmox/simulator.ts';
import { guest } from '../fakes/proxmox/standard-cluster.ts';
import { eventually } from '../support/eventually.ts';
import { textOf, transport } from '../support/mcp-clients.ts';
import { Replicas } from '../support/replicas.ts';
import { requires } from '../support/requires.ts';
import { RoundRobin } from '../support/round-robin.ts';

const SECRET = '0a1b2c3d-0000-4000-8000-123456789abc';
const SLOW = { kind: 'slow', ms: 1500 } as const;
const CONFIRMED = { action: 'accept', content: { confirm: true } } as const;

/** Where the gateways are killed, and what the client is told in the end. */
interface Cut {
  /** Prepares Proxmox for the call that destroys guest `path`. */
  readonly given?: (pve: ProxmoxSimulator, path: string) => void;
  /** The moment has come; `asked`: a person has been asked. */
  readonly when: (pve: ProxmoxSimulator, path: string, asked: boolean) => boolean;
  readonly after?: (pve: ProxmoxSimulator) => void;
  readonly outcome: 'done' | 'unknown';
  /** Only for a client that can ask. */
  readonly asks?: boolean;
}

const sent = (pve: ProxmoxSimulator, path: string) =>
  pve.writes.some((one) => one.path.startsWith(`/api2/json${path}`));
const CUTS: Readonly<Record<string, Cut>> = {
  'while a person is asked': { when: (_pve, _path, asked) => asked, outcome: 'done', asks: true },
  'before it is sent': {
    given: (pve, path) => pve.inject(`${path}/config`, SLOW),
    when: ({ seen }, path) => seen.filter((one) => one.path.endsWith(`${path}/config`)).length > 2,
    outcome: 'done',
  },
  'when it has been sent': { given: (pve, path) => pve.inject(path, SLOW), when: sent, outcome: 'done' },
  'when its answer is lost too': {
    given: (pve, path) => pve.inject(path, { kind: 'lost' }),
    when: sent,
    outcome: 'unknown',
  },
  'during its task': {
    given: ({ tasks }) => {
      tasks.taskMs = 600_000;
    },
    when: ({ seen }, path) =>
      seen.some((one) => one.path.includes(`destroy%3A${path.replace(/.*\//, '')}%3A`) && one.path.endsWith('/status')),
    after: ({ tasks }) => {
      tasks.taskMs = 0;
      tasks.finish();
    },
    outcome: 'done',
  },
};

requires('redis')('a guest is destroyed through gateways that are killed', () => {
  const directory = mkdtempSync(join(tmpdir(), 'cut-'));
  let pve: ProxmoxSimulator;
  let replicas: Replicas;
  let balancer: RoundRobin;
  let session: OpenedSession;
  let next = 300;

  beforeAll(async () => {
    pve = await ProxmoxSimulator.start({ tokens: { 'root@pam!mcp': SECRET } });
    const server = { ...template.servers['proxmox-primary'], port: pve.port };
    const config = { ...template, servers: { 'proxmox-primary': server } };
    writeFileSync(join(directory, 'proxmox-config.json'), JSON.stringify(config));
    const variables = { PROXMOX_HOST: '127.0.0.1', PROXMOX_USER: 'root@pam', PROXMOX_TOKEN: `mcp=${SECRET}` };
    const files = { 'proxmox-config.json': 'proxmox-config.json' };
    const proxmox = { module: '${dist}/servers/proxmox.js', variables: Object.keys(variables), files };
    const catalogue = join(directory, 'catalogue.json');
    writeFileSync(catalogue, JSON.stringify({ mcpServers: { proxmox } }));
    replicas = await Replicas.start(2, 1, { MCP_SESSION_MANAGER_CATALOGUE: catalogue });
    balancer = await RoundRobin.start(() => replicas.gateways.map(({ url }) => url));
    session = await replicas.open(0, { servers: ['proxmox'], variables });
  }, 60_000);
  afterAll(async () => {
    await balancer?.[Symbol.asyncDispose]();
    await replicas?.[Symbol.asyncDispose]();
    await pve?.[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true });
  });

  /** A guest of the test's own, and a client that wants it destroyed. */
  async function prepare(asks: boolean) {
    const vmid = next++;
    pve.state.guests.set(vmid, guest({ vmid, node: 'pve1', config: { name: `guest-${vmid}` } }));
    const person = { asked: false, answers: Promise.withResolvers<void>() };
    const client = new Client({ name: 'cut', version: '1' }, { capabilities: asks ? { elicitation: {} } : {} });
    if (asks)
      client.setRequestHandler(ElicitRequestSchema, async () => {
        person.asked = true;
        await person.answers.promise;
        return CONFIRMED;
      });
    await client.connect(transport(`${balancer.url}/mcp/proxmox`, session.token) as never);
    onTestFinished(() => client.close());
    const destroy = (plan_token?: string) =>
      client.callTool({ name: 'pve_delete_guest', arguments: { vmids: [vmid], plan_token } });
    const plan = async () => (await destroy()).structuredContent as { plan_token: string };
    return { vmid, path: `/nodes/pve1/qemu/${vmid}`, person, destroy, plan };
  }

  async function killGateways(): Promise<void> {
    await Promise.all(replicas.gateways.map((gateway) => gateway.kill()));
    await Promise.all(replicas.gateways.map((gateway) => gateway.start()));
  }

  const deletions = (path: string) => pve.writes.filter((one) => one.path.startsWith(`/api2/json${path}`));
  /** Of each change that was begun, how it ended. */
  function audited(vmid: number): (string | undefined)[] {
    const file = join(replicas.runtimeRoot, 'logs', session.session.id, 'proxmox.audit');
    const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
    const records = lines.map((line) => JSON.parse(line) as { id: string; target: string; result: string });
    const own = records.filter(({ target }) => target === `qemu/${vmid}`);
    const begun = own.filter(({ result }) => result === 'sent');
    expect(own).toHaveLength(begun.length * 2);
    return begun.map(({ id }) => own.find((one) => one.id === id && one.result !== 'sent')?.result);
  }

  const cases = Object.entries(CUTS).flatMap(([at, cut]) =>
    [true, ...(cut.asks ? [] : [false])].map((asks) => ({ at, asks, who: asks ? 'a person' : 'a plan', ...cut })),
  );
  it.for(cases)('[proxmox.once] $at, agreed to by $who: it is destroyed once', { timeout: 60_000 }, async (cut) => {
    const { vmid, path, person, destroy, plan } = await prepare(cut.asks);
    const { plan_token } = await plan();
    cut.given?.(pve, path);
    // What is cut off before a person was asked comes to that afterwards.
    if (cut.at !== 'while a person is asked') person.answers.resolve();
    const pending = destroy(plan_token);
    await eventually('the moment has come', async () => cut.when(pve, path, person.asked));
    await killGateways();
    cut.after?.(pve);
    person.answers.resolve();
    expect(await pending).toMatchObject({ structuredContent: { changes: [{ outcome: cut.outcome }] } });
    const again = await destroy(plan_token);
    expect(again.isError).toBe(true);
    expect(textOf(again)).toMatch(/shows no guest/);
    expect(deletions(path)).toHaveLength(1);
    expect(pve.state.guests.has(vmid)).toBe(false);
    expect(audited(vmid)).toEqual([cut.outcome]);
  });

  it('[proxmox.once] cut off after it was done: its plan is of no use any more', { timeout: 60_000 }, async () => {
    const { vmid, path, person, destroy, plan } = await prepare(true);
    person.answers.resolve();
    const { plan_token } = await plan();
    await destroy(plan_token);
    await killGateways();
    // A guest of the same number that was made since.
    pve.state.guests.set(vmid, guest({ vmid, node: 'pve1', config: { name: `guest-${vmid}` } }));
    const again = await destroy(plan_token);
    expect(textOf(again)).toMatch(/was used before/);
    expect(deletions(path)).toHaveLength(1);
    expect(pve.state.guests.has(vmid)).toBe(true);
    expect(audited(vmid)).toEqual(['done']);
  });

  it('[proxmox.once] broken off before Proxmox did it: it stays, until a new plan is applied', {
    timeout: 60_000,
  }, async () => {
    const { vmid, path, person, destroy, plan } = await prepare(true);
    person.answers.resolve();
    const { plan_token } = await plan();
    pve.inject(path, { kind: 'reset' });
    const pending = destroy(plan_token);
    await eventually('it was sent', async () => sent(pve, path));
    await killGateways();
    expect(await pending).toMatchObject({ isError: true, structuredContent: { changes: [{ outcome: 'unknown' }] } });
    expect(textOf(await destroy(plan_token))).toMatch(/was used before/);
    expect(deletions(path)).toHaveLength(1);
    expect(pve.state.guests.has(vmid)).toBe(true);
    const applied = await destroy((await plan()).plan_token);
    expect(applied).toMatchObject({ structuredContent: { changes: [{ outcome: 'done' }] } });
    expect(pve.state.guests.has(vmid)).toBe(false);
    expect(audited(vmid)).toEqual(['unknown', 'done']);
  });
});
