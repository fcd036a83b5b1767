import { describe, expect, it, onTestFinished } from 'vitest';
import { FakePve } from '../fakes/pve.ts';
import { CLUSTER } from '../fakes/pve-cluster.ts';
import { call, connected, GIB, idsOf, startPve, textOf } from './proxmox-setup.ts';

describe('tools', () => {
  it('lists three tools that only read, with both schemas', async () => {
    const client = await connected((await startPve()).port);
    const { tools } = await client.listTools();
    expect(tools.map((tool) => tool.name)).toEqual(['pve_cluster_overview', 'pve_list_resources', 'pve_guest_status']);
    for (const tool of tools) {
      expect(tool.annotations).toMatchObject({ readOnlyHint: true, destructiveHint: false });
      expect(tool.inputSchema.properties).toHaveProperty('server', expect.objectContaining({ enum: ['main'] }));
      expect(tool.inputSchema).toMatchObject({ additionalProperties: false });
      expect(tool.outputSchema?.required).toContain('server');
    }
  });

  it('gives an overview', async () => {
    const result = await call(await connected((await startPve()).port), 'pve_cluster_overview');
    expect(result.structuredContent).toMatchObject({
      server: 'main',
      version: '9.1.1',
      cluster: 'home',
      quorate: true,
      nodes: [
        { name: 'pve1', status: 'online', ip: '192.0.2.1', cpu_usage: 0.125, memory_bytes: { used: 16 * GIB } },
        { name: 'pve2', status: 'offline' },
      ],
      guests: {
        qemu: { total: 2, running: 1, stopped: 0, templates: 1 },
        lxc: { total: 2, running: 1, stopped: 1, templates: 0 },
      },
      storage_bytes: { used: 310 * GIB, total: 1100 * GIB },
      ha: [{ sid: 'vm:100', state: 'started', node: 'pve1' }],
      notes: [],
    });
    expect(textOf(result)).toMatch(
      /^main: cluster "home", Proxmox VE 9\.1\.1, quorate\nNode pve1 online, CPU 13 % of 16/,
    );
  });

  it('gives what it may see where Sys.Audit is lacking', async () => {
    const pve = await startPve({ denied: ['/'] });
    const { structuredContent } = await call(await connected(pve.port), 'pve_cluster_overview');
    expect(structuredContent).toMatchObject({ version: '9.1.1', guests: { qemu: { total: 2 } } });
    expect(structuredContent).not.toHaveProperty('ha');
    expect((structuredContent as { notes: string[] }).notes).toEqual([
      expect.stringMatching(/^\/cluster\/status: .*Give it a role with Sys\.Audit on \//),
      expect.stringMatching(/^\/cluster\/ha\/status\/current: /),
    ]);
  });

  it('shows a single node without a cluster', async () => {
    const { cluster: _, ...single } = (await startPve()).options;
    const pve = await FakePve.start(single);
    onTestFinished(() => pve[Symbol.asyncDispose]());
    const result = await call(await connected(pve.port), 'pve_cluster_overview');
    expect(result.structuredContent).not.toHaveProperty('quorate');
    expect(textOf(result)).toMatch(/^main: a single node/);
  });

  it('lists guests in order, with flags, tags and units made plain', async () => {
    const result = await call(await connected((await startPve()).port), 'pve_list_resources', { type: 'vm' });
    expect(idsOf(result)).toEqual(['lxc/101', 'lxc/200', 'qemu/100', 'qemu/9000']);
    expect(result.structuredContent).toMatchObject({ server: 'main', total: 4 });
    expect((result.structuredContent as { resources: unknown[] }).resources[2]).toEqual({
      id: 'qemu/100',
      type: 'qemu',
      vmid: 100,
      name: 'web',
      node: 'pve1',
      status: 'running',
      template: false,
      pool: 'shop',
      tags: ['prod', 'web'],
      ha_state: 'started',
      cpus: 4,
      cpu_usage: 0.25,
      memory_bytes: { used: 2 * GIB, total: 8 * GIB },
      disk_bytes: { total: 32 * GIB },
      uptime_seconds: 90_061,
    });
    expect(textOf(result)).toContain('qemu/100, web, running, on pve1, CPU 25 %, memory 2 GiB of 8 GiB');
  });

  it.each([
    [{ type: 'storage' }, ['storage/pve1/ceph', 'storage/pve1/local', 'storage/pve2/ceph']],
    [{ type: 'node', status: 'offline' }, ['node/pve2']],
    [{ type: 'sdn' }, ['sdn/pve1/localnetwork']],
    [{ status: 'running' }, ['lxc/101', 'qemu/100']],
    [{ type: 'vm', node: 'pve2' }, ['lxc/200']],
    [{ pool: 'shop' }, ['qemu/100']],
    [{ tag: 'prod' }, ['lxc/101', 'qemu/100']],
    [{ tag: 'pro' }, []],
    [{ name: 'DEBIAN' }, ['qemu/9000']],
    [{ name: 'lxc/2' }, ['lxc/200']],
  ])('filters by %j', async (args, ids) => {
    expect(idsOf(await call(await connected((await startPve()).port), 'pve_list_resources', args))).toEqual(ids);
  });

  it('gives page after page, none twice and none left out', async () => {
    const client = await connected((await startPve()).port);
    const all: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await call(client, 'pve_list_resources', { limit: 3, ...(cursor && { cursor }) });
      expect(page.structuredContent).toMatchObject({ total: CLUSTER.length });
      all.push(...idsOf(page));
      cursor = page.structuredContent?.next_cursor as string | undefined;
    } while (cursor);
    expect([...all].sort()).toEqual(CLUSTER.map((one) => one.id).sort());
  });

  it.each<[number, object]>([
    [
      100,
      {
        type: 'qemu',
        node: 'pve1',
        name: 'web',
        run_state: 'running',
        agent_enabled: true,
        ha_managed: true,
        ha_state: 'started',
        disk_bytes: { total: 32 * GIB },
      },
    ],
    [
      101,
      {
        type: 'lxc',
        swap_bytes: { used: 0, total: GIB / 2 },
        disk_bytes: { used: GIB, total: 4 * GIB },
        ha_managed: false,
      },
    ],
    [200, { type: 'lxc', node: 'pve2', status: 'stopped', lock: 'snapshot', tags: [] }],
  ])('says how guest %i is', async (vmid, status) => {
    const result = await call(await connected((await startPve()).port), 'pve_guest_status', { vmid });
    expect(result.structuredContent).toMatchObject({ server: 'main', vmid, ...status });
  });

  it.each([
    [100, 'qemu/100 "web" on pve1 is running, up 1 d 1 h, CPU 25 % of 4, memory 2 GiB of 8 GiB'],
    [200, 'lxc/200 "backup" on pve2 is stopped, locked (snapshot)'],
  ])('says it of guest %i in a line', async (vmid, line) => {
    expect(textOf(await call(await connected((await startPve()).port), 'pve_guest_status', { vmid }))).toBe(line);
  });
});
