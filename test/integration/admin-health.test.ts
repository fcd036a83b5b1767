import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Health } from '../../src/admin/health.ts';
import type { SessionView } from '../../src/core/api.ts';
import { AppError } from '../../src/core/errors.ts';
import type { ReplicaReport } from '../../src/core/operations.ts';
import { withServer } from '../../src/core/session.ts';
import { AdminServer } from '../support/admin-server.ts';

let server: AdminServer;
beforeEach(async () => {
  server = await AdminServer.start();
  await announce({ id: 'g1', role: 'gateway' });
  await announce({ id: 'c1', role: 'controller', leads: true });
});
afterEach(() => server[Symbol.asyncDispose]());

const announce = (change: Partial<ReplicaReport>) =>
  server.parts.operations.announce(
    {
      ...{ id: 'x', role: 'gateway', version: '1', machine: 'm1', startedAt: 1, at: 1, draining: false, troubles: [] },
      ...change,
    },
    3_600_000,
  );

/** After the controller has had its turn. */
async function now(): Promise<Health> {
  await server.plane.clock.advance(2000);
  return server.parts.health.now();
}
const codes = async () => {
  const { status, reasons } = await now();
  return [status, ...reasons.map(({ code }) => code)];
};

describe('[admin.health] health', () => {
  it('is healthy when all is well, with nothing and with sessions', async () => {
    expect(await codes()).toEqual(['healthy']);
    await server.open('dora', 'pts_1');
    expect(await codes()).toEqual(['healthy']);
  });

  it('is degraded without a store, as long as this replica knows sessions, and else unhealthy', async () => {
    server.plane.store.down = true;
    server.parts.here = { draining: false, sessions: 3 };
    expect(await codes()).toEqual(['degraded', 'store.unavailable']);
    server.parts.here = { draining: false, sessions: 0 };
    expect(await codes()).toEqual(['unhealthy', 'store.unavailable']);
    server.plane.store.down = false;
    expect(await codes()).toEqual(['healthy']);
  });

  it('is degraded while a store that lost everything is made again', async () => {
    await server.plane.down();
    server.plane.store.empty();
    server.parts.here = { draining: false, sessions: 1 };
    expect(await codes()).toEqual(['degraded', 'store.unavailable']);
    await server.plane.restart();
    expect(await codes()).toEqual(['healthy']);
  });

  it('is degraded when the store takes nothing that is written, so that nobody can say that it is there', async () => {
    await server.parts.operations.withdraw('g1');
    await server.parts.operations.withdraw('c1');
    expect(await codes()).toEqual(['degraded', 'store.refuses']);
  });

  it('is degraded without a controller in charge', async () => {
    await announce({ id: 'c1', role: 'controller', leads: false });
    expect(await codes()).toEqual(['degraded', 'controller.absent']);
    await server.parts.operations.withdraw('c1');
    expect(await codes()).toEqual(['degraded', 'controller.absent']);
  });

  it('is degraded while a gateway drains, and unhealthy when none takes work', async () => {
    await announce({ id: 'g2', role: 'gateway', draining: true });
    expect(await codes()).toEqual(['degraded', 'draining']);
    await announce({ id: 'g1', role: 'gateway', draining: true });
    server.parts.here = { draining: true, sessions: 0 };
    expect(await codes()).toEqual(['unhealthy', 'gateway.absent']);
  });

  it('is degraded by what a replica says of itself; names are for operators', async () => {
    await announce({ id: 'c1', role: 'controller', leads: true, troubles: ['the engine is down'] });
    const { status, reasons } = await now();
    expect(status).toBe('degraded');
    expect(reasons).toEqual([
      { code: 'replica.trouble', text: 'A controller has trouble', detail: 'controller m1: the engine is down' },
    ]);
    expect((await server.call('GET', '/health')).text).not.toMatch(/m1|engine/);
  });

  it('is healthy when a terminal has set nothing of what a server needs', async () => {
    server.plane.hosts.refusals.set('proxmox', new AppError('server.unconfigured', 'not configured in this terminal'));
    const { id } = await server.open('dora', 'pts_1');
    await server.plane.clock.advance(60_000);
    expect(await server.plane.state(id, 'proxmox')).toMatchObject({ phase: 'failed', unconfigured: true });
    expect(await codes()).toEqual(['healthy']);
    const { servers } = (await server.call('GET', `/admin/api/sessions/${id}`, { as: 'admin' })).json as SessionView;
    expect(servers.find(({ name }) => name === 'proxmox')).toMatchObject({ state: 'failed', unconfigured: true });
  });

  it('is degraded by a server that cannot be started, and unhealthy when none can', async () => {
    server.plane.hosts.refusals.set('proxmox', new Error('PROXMOX_HOST is not set'));
    await server.open('dora', 'pts_1');
    await server.plane.clock.advance(60_000);
    expect(await codes()).toEqual(['degraded', 'servers.failing']);
    server.plane.hosts.refusals.set('filesystem', new Error('no'));
    const { id } = (await server.plane.sessions.list('dora'))[0] ?? { id: '' };
    await server.plane.sessions.setServer(id, 'filesystem', 'restart');
    await server.plane.clock.advance(60_000);
    expect(await codes()).toEqual(['degraded', 'servers.failing']); // its session's trouble
    await announce({ id: 'c1', role: 'controller', leads: true, troubles: ['the engine is down'] });
    expect(await codes()).toEqual(['unhealthy', 'servers.failing', 'replica.trouble']);
    const { status, json } = await server.call('GET', '/health');
    expect({ status, said: json.status }).toEqual({ status: 503, said: 'unhealthy' });
  });

  it('is degraded by open circuits, and by instances that do not answer', async () => {
    await server.open('dora', 'pts_1');
    server.plane.hosts.condition = { circuit: 'open' };
    expect(await codes()).toEqual(['degraded', 'circuits.open']);
    server.plane.hosts.condition = { children: 1, circuit: 'closed', failure: { reason: 'r', stderr: '', at: 1 } };
    expect(await codes()).toEqual(['healthy']);
  });

  it('is degraded when there is no place for more', async () => {
    server.parts.capacity = 2;
    await server.open('dora', 'pts_1');
    expect(await codes()).toEqual(['degraded', 'capacity.full']);
  });

  it('is degraded while servers wait for a place', async () => {
    const { id } = await server.open('dora', 'pts_1');
    await server.plane.down();
    const record = await server.plane.sessions.get(id);
    const state = { phase: 'pending', since: 1 } as const;
    expect(await server.plane.store.replace(withServer(record, 'proxmox', { state }))).toBe(true);
    expect(await codes()).toEqual(['degraded', 'capacity.waiting']);
  });
});
