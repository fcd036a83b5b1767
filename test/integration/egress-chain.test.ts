import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import template from '../../config/proxmox-config.json' with { type: 'json' };
import { assignmentOf } from '../../src/controller/assignment.ts';
import { systemClock } from '../../src/core/clock.ts';
import { HttpHostControl } from '../../src/link/http-host-control.ts';
import { SocketLinks } from '../../src/link/socket-links.ts';
import { EgressGrants } from '../../src/sessions/egress-grants.ts';
import { InstanceKeys } from '../../src/sessions/instance-keys.ts';
import { RecordSeal } from '../../src/sessions/record-seal.ts';
import { Sealer } from '../../src/sessions/sealer.ts';
import { entry, HOST_LIMITS } from '../support/control-plane.ts';
import { eventually } from '../support/eventually.ts';
import { sessionRecord } from '../support/records.ts';
import { directory, KEY, startProxy } from './egress-setup.ts';
import { startPve, VARIABLES } from './proxmox-setup.ts';

const MAIN = new URL('../../src/main.ts', import.meta.url).pathname;
const MODULE = new URL('../../src/servers/proxmox/index.ts', import.meta.url).pathname;
const INITIALIZE = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } };

/** A host as a process of its own, in an instance that is given the egress proxy's socket; ended with the test. */
async function host(session: string, egressSocket: string) {
  const root = await directory();
  const socket = join(root, 'host.sock');
  mkdirSync(join(root, 'config'));
  const labels = { session, server: 'proxmox', owner: 'o', nonce: 'n', incarnation: 1, epoch: 1, deadline: 0 };
  const args = ['host', '--socket', socket, '--config-dir', join(root, 'config'), '--labels', JSON.stringify(labels)];
  const env = { PATH: process.env.PATH, MCP_EGRESS_SOCKET: egressSocket };
  const child = spawn(process.execPath, [MAIN, ...args], { env, stdio: 'ignore' });
  const exit = once(child, 'exit');
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await exit;
  });
  return { kind: 'unix', path: socket } as const;
}

it('leads from the catalogue to the Proxmox host, by the parts that a deployment has', async () => {
  const pve = await startPve();
  const { path, proxy } = await startProxy();
  const record = sessionRecord(Date.now());
  const sealed = new Sealer(KEY).seal(record.id, VARIABLES);
  const proxmox = entry('proxmox', {
    transport: 'module',
    command: MODULE,
    network: 'egress',
    egress: [`\${env:PROXMOX_HOST}:${pve.port}`],
    variables: Object.keys(VARIABLES),
    files: { 'proxmox-config.json': '' },
  });
  const servers = { main: { ...template.servers['proxmox-primary'], port: pve.port } };
  const context = {
    catalogue: new Map([['proxmox', proxmox]]),
    sealer: new Sealer(KEY),
    records: new RecordSeal(KEY),
    grants: new EgressGrants(KEY, systemClock),
    env: {},
    hostLimits: {
      ...HOST_LIMITS,
      initializeMs: 20_000,
      parkedMs: 900_000,
      abandonedMs: 60_000,
      childIdleMs: 60_000,
      logBytes: 1 << 20,
    },
    readTemplate: async () => JSON.stringify({ ...template, servers, default_server: 'main' }),
  };
  const secret = new InstanceKeys(KEY).secretOf(record, 'proxmox', 1);
  const endpoint = await host(record.id, path);
  const signal = AbortSignal.timeout(25_000);
  const assigned = await assignmentOf(context, { ...record, sealed }, 'proxmox', 1);
  const control = new HttpHostControl();
  await eventually('the host is configured', async () => {
    await control.configure(endpoint, secret, assigned, signal);
    return true;
  });

  await using links = new SocketLinks(systemClock);
  const link = await links.to({ endpoint, secret }, signal);
  await link.open('c', JSON.stringify(INITIALIZE), true);
  const answer = Promise.withResolvers<string>();
  const params = { name: 'pve_guest_status', arguments: { vmid: 100 } };
  const message = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params });
  link.post(
    'c',
    { key: 'k', kind: { type: 'request', id: 1, method: 'tools/call' }, payload: message },
    {
      entry: (_, payload) => answer.resolve(payload.toString()),
      end: (why) => answer.reject(new Error(why)),
      failed: (error) => answer.reject(error),
    },
  );
  expect(JSON.parse(await answer.promise)).toMatchObject({ result: { structuredContent: { name: 'web' } } });
  expect(pve.seen.length).toBeGreaterThan(0);
  expect(proxy.tally.connected).toBe(new Set(pve.seen.map((one) => one.connection)).size);
});
