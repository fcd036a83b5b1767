import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../fakes/manual-clock.ts';
import type { ProxmoxSimulator } from '../fakes/proxmox/simulator.ts';
import { guest } from '../fakes/proxmox/standard-cluster.ts';
import { eventually } from '../support/eventually.ts';
import { call, connected, failureOf, idsOf, logged, startPve } from './proxmox-setup.ts';

/** So many are asked about at the same time (src/servers/proxmox/client.ts). */
const AT_ONCE = 8;

describe('what cannot be done', () => {
  it.each<[string, object, RegExp]>([
    ['pve_guest_status', {}, /Arguments of pve_guest_status are not right.*vmid/s],
    ['pve_guest_status', { vmid: 99 }, />=100/],
    ['pve_guest_status', { vmid: 100, node: 'pve1' }, /"node"/],
    ['pve_guest_status', { vmid: 404 }, /"main" shows no guest 404\. Look for it with pve_list_resources/],
    ['pve_list_resources', { type: 'pool' }, /"vm"\|"storage"/],
    ['pve_list_resources', { server: 'other' }, /"main"/],
    ['pve_list_resources', { cursor: '???' }, /^cursor is not the next_cursor/],
  ])('%s %j is refused with a reason', async (name, args, reason) => {
    expect(await failureOf(await connected((await startPve()).port), name, args)).toMatch(reason);
  });

  it('refuses an unknown tool', async () => {
    const client = await connected((await startPve()).port);
    await expect(call(client, 'pve_format_everything')).rejects.toMatchObject({ code: -32602 });
  });

  it('says what to do where a token is wrong, and does not try it again', async () => {
    const pve = await startPve({ tokens: {} });
    expect(await failureOf(await connected(pve.port))).toMatch(
      /Authentication failed!.*PROXMOX_TOKEN holds its secret/,
    );
    expect(pve.seen).toHaveLength(1);
  });

  it.each([true, false])('reads what Proxmox says (in the reason phrase only: %s)', async (reasonOnly) => {
    const pve = await startPve({ reasonOnly });
    pve.inject('/cluster/resources', {
      kind: 'answer',
      status: 200,
      reason: 'OK',
      body: JSON.stringify({ data: [{ id: 'qemu/7', type: 'qemu', vmid: '700', node: 'pve1' }] }),
    });
    const failure = await failureOf(await connected(pve.port), 'pve_guest_status', { vmid: 700 });
    expect(failure).toMatch(
      /Configuration file 'nodes\/pve1\/qemu-server\/700\.conf' does not exist\. The guest was removed/,
    );
  });

  it('names the privilege that is lacking', async () => {
    const pve = await startPve();
    const reason = 'Permission check failed (/vms/100, VM.Audit)';
    pve.inject('/nodes/pve1/qemu/100/status/current', { kind: 'answer', status: 403, reason });
    expect(await failureOf(await connected(pve.port), 'pve_guest_status', { vmid: 100 })).toMatch(
      /VM\.Audit on \/vms\/100/,
    );
  });

  it('asks about many guests in turns, of which none is late because others came before', async () => {
    const guests = Array.from({ length: 16 }, (_, n) => guest({ vmid: 200 + n }));
    const pve = await startPve({ state: { guests: new Map(guests.map((one) => [one.vmid, one])) } });
    let turn = Promise.withResolvers<void>();
    for (const { vmid } of guests)
      pve.inject(`/nodes/pve1/qemu/${vmid}/snapshot`, { kind: 'held', until: () => turn.promise });
    const clock = new ManualClock();
    const client = await connected(pve.port, { clock, server: { timeout: 20 } });
    const listed = call(client, 'pve_list_snapshots');
    const asked = () => pve.seen.filter(({ path }) => path.endsWith('/snapshot')).length;
    for (let count = AT_ONCE; count <= guests.length; count += AT_ONCE) {
      await eventually(`${count} are asked about`, async () => asked() === count);
      clock.advance(12_000);
      const { resolve } = turn;
      turn = Promise.withResolvers<void>();
      resolve();
    }
    expect((await listed).structuredContent).toMatchObject({ snapshots: [], notes: [] });
  });

  it.each([
    ['', /in a form that is not known/],
    ['<html>', /in a form that is not known/],
    ['{"data":[{"type":"qemu"}]}', /in a form that is not known \(data\.0\.id: /],
  ])('does not take %j for an answer', async (body, reason) => {
    const pve = await startPve();
    pve.inject('/cluster/resources', { kind: 'answer', status: 200, reason: 'OK', body });
    expect(await failureOf(await connected(pve.port))).toMatch(reason);
  });
});

describe('a connection that fails', () => {
  it.each<[string, Parameters<ProxmoxSimulator['inject']>[1]]>([
    ['breaks', { kind: 'reset' }],
    ['gives 595', { kind: 'answer', status: 595, reason: 'No route to host' }],
  ])('is tried again when it %s', async (_, fault) => {
    const pve = await startPve();
    pve.inject('/cluster/resources', fault, 3);
    expect(idsOf(await call(await connected(pve.port), 'pve_list_resources', { type: 'node' }))).toHaveLength(3);
    expect(pve.seen).toHaveLength(4);
  });

  it.each<[string, Parameters<ProxmoxSimulator['inject']>[1], RegExp]>([
    ['breaks', { kind: 'reset' }, /cannot be reached at https:\/\/127\.0\.0\.1:\d+ \(/],
    [
      'gives 599',
      { kind: 'answer', status: 599, reason: 'Too many redirections' },
      /could not reach the node.*\(Too many/,
    ],
  ])('is given up after four tries when it %s', async (_, fault, reason) => {
    const pve = await startPve();
    pve.inject('/cluster/resources', fault, 9);
    expect(await failureOf(await connected(pve.port))).toMatch(reason);
    expect(pve.seen).toHaveLength(4);
  });

  it('is not tried again for an error of Proxmox', async () => {
    const pve = await startPve();
    pve.inject('/cluster/resources', { kind: 'answer', status: 500, reason: 'cluster not ready' });
    expect(await failureOf(await connected(pve.port))).toMatch(/could not do this: cluster not ready/);
    expect(pve.seen).toHaveLength(1);
  });

  it('says so when nobody listens', async () => {
    const port = await new Promise<number>((resolve) => {
      const server = createServer().listen(0, '127.0.0.1', () => {
        const address = server.address();
        server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
      });
    });
    expect(await failureOf(await connected(port))).toMatch(/cannot be reached .*ECONNREFUSED.*servers\.main\.host/);
  });

  it('ends after the timeout of the server', async () => {
    const pve = await startPve();
    pve.inject('/cluster/resources', { kind: 'silent' });
    const clock = new ManualClock();
    const client = await connected(pve.port, { clock, server: { timeout: 7 } });
    const failure = failureOf(client);
    await eventually('the request is there', async () => pve.seen.length === 1);
    clock.advance(7000);
    expect(await failure).toMatch(/did not answer within 7 s.*servers\.main\.timeout/);
  });

  it('that fails for a fault of the program itself is logged, and its details kept from the client', async () => {
    const pve = await startPve();
    pve.inject('/cluster/resources', { kind: 'reset' });
    const clock = { now: () => 0, sleep: () => Promise.reject(new Error('the clock broke')) };
    expect(await failureOf(await connected(pve.port, { clock }))).toBe(
      'pve_list_resources failed for a reason of its own; the log of this server has the details',
    );
    expect(logged.at(-1)).toMatchObject({ level: 'error', fields: { reason: 'the clock broke' } });
  });

  it('ends when the client cancels', async () => {
    const pve = await startPve();
    pve.inject('/cluster/resources', { kind: 'silent' });
    const client = await connected(pve.port);
    const cancel = new AbortController();
    const pending = client.callTool({ name: 'pve_list_resources' }, undefined, { signal: cancel.signal });
    const refused = expect(pending).rejects.toThrow();
    await eventually('the request is there', async () => pve.seen.length === 1);
    cancel.abort();
    await refused;
    await eventually('the connection is closed', async () => (await pve.connections()) === 0);
    expect(logged).toEqual([]);
  });
});
