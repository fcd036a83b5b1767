import { describe, expect, it } from 'vitest';
import { TOOLS } from '../../src/servers/proxmox/tools/index.ts';
import { call, connected, failureOf, GIB, idsOf, startPve, textOf } from './proxmox-setup.ts';

describe('tools', () => {
  it('lists every tool with both schemas and its hints', async () => {
    const client = await connected((await startPve()).port);
    const { tools } = await client.listTools();
    expect(tools.map((tool) => tool.name)).toEqual(TOOLS.map((tool) => tool.name));
    expect(new Set(tools.map((tool) => tool.name)).size).toBe(tools.length);
    for (const tool of tools) {
      expect(tool.name).toMatch(/^pve_[a-z_]+$/);
      expect(tool.inputSchema).toMatchObject({ type: 'object', additionalProperties: false });
      expect(tool.outputSchema).toMatchObject({ type: 'object' });
      const { readOnlyHint, destructiveHint } = tool.annotations ?? {};
      expect([readOnlyHint, destructiveHint]).not.toEqual([true, true]);
      expect('plan_token' in (tool.inputSchema.properties ?? {})).toBe(destructiveHint);
    }
    const changing = tools.filter((tool) => !tool.annotations?.readOnlyHint);
    expect(changing.every((tool) => tool.inputSchema.properties?.server !== undefined)).toBe(true);
  });

  it('gives an overview', async () => {
    const pve = await startPve();
    pve.state.nodes.set('pve2', 'offline');
    const result = await call(await connected(pve.port), 'pve_cluster_overview');
    expect(result.structuredContent).toMatchObject({
      server: 'main',
      version: '9.1.1',
      cluster: 'home',
      quorate: true,
      nodes: [
        { name: 'pve1', status: 'online', ip: '192.0.2.1', cpu_usage: 0.125, memory_bytes: { used: 16 * GIB } },
        { name: 'pve2', status: 'offline' },
        { name: 'pve3', status: 'online' },
      ],
      guests: {
        qemu: { total: 5, running: 2, stopped: 2, templates: 1 },
        lxc: { total: 3, running: 1, stopped: 2, templates: 0 },
      },
      storage_bytes: { used: 4531 * GIB, total: 7300 * GIB },
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
    expect(structuredContent).toMatchObject({ version: '9.1.1', guests: { qemu: { total: 5 } } });
    expect(structuredContent).not.toHaveProperty('ha');
    expect((structuredContent as { notes: string[] }).notes).toEqual([
      expect.stringMatching(/^\/cluster\/status: .*Give it a role with Sys\.Audit on \//),
      expect.stringMatching(/^\/cluster\/ha\/status\/current: /),
    ]);
  });

  it('shows a single node without a cluster', async () => {
    const pve = await startPve({ state: { cluster: undefined } });
    const result = await call(await connected(pve.port), 'pve_cluster_overview');
    expect(result.structuredContent).not.toHaveProperty('quorate');
    expect(textOf(result)).toMatch(/^main: a single node/);
  });

  it('lists guests in order, with flags, tags and units made plain', async () => {
    const result = await call(await connected((await startPve()).port), 'pve_list_resources', { type: 'vm' });
    expect(idsOf(result)).toEqual([
      ...['lxc/101', 'lxc/105', 'lxc/200'],
      ...['qemu/100', 'qemu/102', 'qemu/103', 'qemu/104', 'qemu/9000'],
    ]);
    expect(result.structuredContent).toMatchObject({ server: 'main', total: 8 });
    expect((result.structuredContent as { resources: unknown[] }).resources[3]).toEqual({
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
      memory_bytes: { used: GIB, total: 8 * GIB },
      disk_bytes: { total: 32 * GIB },
      uptime_seconds: 90_061,
    });
    expect(textOf(result)).toContain('qemu/100, web, running, on pve1, CPU 25 %, memory 1 GiB of 8 GiB');
  });

  it.each([
    [{ type: 'storage', name: 'ceph' }, ['storage/pve1/ceph', 'storage/pve2/ceph', 'storage/pve3/ceph']],
    [{ type: 'node', status: 'offline' }, []],
    [{ type: 'sdn', node: 'pve1' }, ['sdn/pve1/localnetwork']],
    [{ status: 'running' }, ['lxc/101', 'qemu/100', 'qemu/102']],
    [{ type: 'vm', node: 'pve2' }, ['lxc/105', 'lxc/200', 'qemu/102']],
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
      expect(page.structuredContent).toMatchObject({ total: 27 });
      all.push(...idsOf(page));
      cursor = page.structuredContent?.next_cursor as string | undefined;
    } while (cursor);
    expect(new Set(all).size).toBe(27);
    expect(all).toHaveLength(27);
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
    [100, 'qemu/100 "web" on pve1 is running, up 1 d 1 h, CPU 25 % of 4, memory 1 GiB of 8 GiB'],
    [200, 'lxc/200 "backup" on pve2 is stopped, locked (snapshot)'],
  ])('says it of guest %i in a line', async (vmid, line) => {
    expect(textOf(await call(await connected((await startPve()).port), 'pve_guest_status', { vmid }))).toBe(line);
  });
});

describe('tools that only read', () => {
  it.each<[string, object, object, RegExp]>([
    [
      'pve_node_status',
      { node: 'pve1' },
      { node: 'pve1', services: [{ name: 'pveproxy' }, { state: 'dead' }], disks: [{ health: 'PASSED' }] },
      /not running: pvestatd/,
    ],
    ['pve_node_logs', { node: 'pve1', limit: 2 }, { lines: ['middle', 'end'] }, /^middle\nend$/],
    [
      'pve_node_logs',
      { node: 'pve1', source: 'journal', since: '2026-01-01T00:00:00Z' },
      { lines: ['begin', 'middle', 'end'] },
      /begin/,
    ],
    ['pve_node_logs', { node: 'pve1', source: 'firewall' }, { lines: ['begin', 'middle', 'end'] }, /begin/],
    [
      'pve_node_logs',
      { node: 'pve1', source: 'cluster' },
      { lines: [expect.stringContaining('end task')] },
      /root@pam pvedaemon/,
    ],
    [
      'pve_node_network',
      { node: 'pve1', type: 'bridge' },
      { interfaces: [{ iface: 'vmbr0' }] },
      /vmbr0, bridge, 192.0.2.1\/24, active/,
    ],
    [
      'pve_guest_config',
      { vmid: 102, pending: true },
      { type: 'qemu', node: 'pve2', digest: expect.stringMatching(/^[0-9a-f]{40}$/), config: { name: 'db' } },
      /memory: 4096/,
    ],
    [
      'pve_guest_ips',
      { vmid: 100 },
      { interfaces: [{ name: 'lo' }, { name: 'eth0', mac: 'bc:24:11:00:00:02', addresses: ['192.0.2.50/24'] }] },
      /eth0: 192.0.2.50\/24/,
    ],
    ['pve_guest_ips', { vmid: 101 }, { interfaces: [{ name: 'eth0', addresses: ['192.0.2.51/24'] }] }, /192.0.2.51/],
    ['pve_guest_agent_info', { vmid: 100 }, { what: 'osinfo', result: { id: 'debian' } }, /trixie/],
    ['pve_guest_agent_info', { vmid: 100, what: 'ping' }, { result: { version: '9.0.0' } }, /answers/],
    ['pve_metrics', { vmid: 100 }, { target: '/nodes/pve1/qemu/100', points: expect.any(Array) }, /^5 points/],
    ['pve_metrics', { node: 'pve1', timeframe: 'day' }, { target: '/nodes/pve1' }, /day/],
    ['pve_metrics', { node: 'pve1', storage: 'ceph', cf: 'MAX' }, { target: '/nodes/pve1/storage/ceph' }, /hour/],
    [
      'pve_list_storage',
      { node: 'pve1', content: 'backup' },
      { storages: [{ node: 'pve1', storage: 'vault', type: 'nfs', shared: true, active: true }] },
      /3900 GiB|3.8 TiB/,
    ],
    [
      'pve_storage_content',
      { storage: 'vault', vmid: 102 },
      { volumes: [{ vmid: 102 }, { vmid: 102 }, { vmid: 102, protected: true, notes: 'before the update' }] },
      /^3 volumes/,
    ],
    [
      'pve_list_backups',
      { vmid: 102, older_than_days: 5 },
      { backups: [{ vmid: 102 }, { vmid: 102 }], jobs: [{ id: 'nightly' }] },
      /1 jobs/,
    ],
    [
      'pve_list_snapshots',
      { vmid: 102 },
      { snapshots: [{ name: 'auto-1' }, { name: 'auto-2' }, { name: 'before' }] },
      /102 auto-1/,
    ],
    ['pve_list_snapshots', { older_than_days: 60 }, { snapshots: [{ vmid: 102, name: 'auto-1' }] }, /auto-1/],
    [
      'pve_verify_backup',
      { volid: 'vault:backup/vzdump-qemu-102-7.vma.zst' },
      { config: { name: 'db' }, disks_bytes: { scsi0: 8 * GIB } },
      /can be read: db, disks scsi0 8 GiB/,
    ],
    [
      'pve_health_report',
      {},
      {
        healthy: false,
        problems: expect.arrayContaining([
          { severity: 'warning', target: 'storage/pve1/vault', problem: 'is 98 % full' },
          { severity: 'warning', target: 'lxc/200', problem: 'is locked (snapshot)' },
          { severity: 'warning', target: 'qemu/102', problem: 'is in no backup job' },
        ]),
      },
      /98 % full/,
    ],
    [
      'pve_whoami',
      {},
      { identity: 'root@pam!mcp', version: '9.1.1', permissions: { '/vms': ['VM.Audit', 'VM.PowerMgmt'] } },
      /root@pam!mcp on Proxmox VE 9/,
    ],
    ['pve_audit_log', {}, { records: [], incomplete: false }, /Nothing was changed/],
    [
      'pve_list_servers',
      {},
      {
        default_server: 'main',
        servers: [{ name: 'main', identity: 'root@pam!mcp', verify_ssl: false, pinned: false, timeout: 30 }],
        security: { max_vms_per_operation: 10 },
      },
      /destructive: yes/,
    ],
    [
      'pve_firewall_rules',
      { scope: 'cluster' },
      { target: 'cluster', rules: [{ pos: 0, action: 'ACCEPT' }] },
      /0: in ACCEPT ssh/,
    ],
    ['pve_firewall_rules', { scope: 'guest', vmid: 100 }, { target: 'qemu/100' }, /ssh/],
    ['pve_firewall_rules', { scope: 'node', node: 'pve1' }, { rules: [] }, /No rules/],
    ['pve_access_list', { kind: 'users' }, { entries: [{ userid: 'root@pam' }] }, /root@pam/],
    ['pve_access_list', { kind: 'tokens' }, { entries: [{ tokenid: 'mcp' }] }, /mcp/],
    ['pve_access_list', { kind: 'pools' }, { entries: [{ poolid: 'shop' }] }, /shop/],
    ['pve_ha_status', {}, { resources: [{ sid: 'vm:100', state: 'started' }] }, /vm:100: started/],
    [
      'pve_export_terraform',
      { vmid: 100 },
      { imports: ['terraform import proxmox_virtual_environment_vm.qemu_100 pve1/100'] },
      /resource "proxmox_virtual_environment_vm" "qemu_100" \{\n {2}node_name = "pve1"/,
    ],
    [
      'pve_export_terraform',
      { node: 'pve2' },
      { hcl: expect.stringContaining('hostname = "proxy"') },
      /interface = "scsi0"/,
    ],
    ['pve_list_tasks', {}, { tasks: [] }, /No tasks/],
    [
      'pve_api_search',
      { query: 'snapshot rollback' },
      { endpoints: [{ method: 'POST', operations: ['snapshot'] }, { method: 'POST' }] },
      /POST \/nodes\/\{node\}\/(qemu|lxc)/,
    ],
    [
      'pve_api_call',
      { method: 'GET', path: '/nodes/pve1/qemu/100/config' },
      { applied: false, data: { name: 'web' } },
      /"name": "web"/,
    ],
    [
      'pve_api_call',
      { method: 'GET', path: '/cluster/resources', params: { type: 'node' } },
      { data: [{ node: 'pve1' }, {}, {}] },
      /pve1/,
    ],
    [
      'pve_guest_file',
      { vmid: 100, action: 'read', path: '/etc/hostname' },
      { content: 'web\n', truncated: false },
      /^web/,
    ],
    ['pve_backup_job', { action: 'list' }, { jobs: [{ id: 'nightly' }] }, /nightly: 02:00 to vault/],
    [
      'pve_download_media',
      { node: 'pve1', storage: 'local', list: true },
      { templates: [{ os: 'debian-13' }] },
      /debian-13-standard/,
    ],
  ])('%s %j', async (name, args, structured, text) => {
    const pve = await startPve();
    const result = await call(await connected(pve.port), name, args);
    expect(textOf(result)).toMatch(text);
    expect(result.structuredContent).toMatchObject(structured);
    expect(result).not.toHaveProperty('isError');
    expect(pve.writes).toEqual([]);
  });

  it('shows what can be had while a node is down', async () => {
    const pve = await startPve();
    pve.state.nodes.set('pve2', 'offline');
    const client = await connected(pve.port);
    const snapshots = await call(client, 'pve_list_snapshots');
    expect(snapshots.structuredContent).toMatchObject({
      notes: expect.arrayContaining([expect.stringMatching(/^lxc\/105: .*could not reach the node/)]),
    });
    const report = await call(client, 'pve_health_report');
    expect((report.structuredContent as { problems: unknown[] }).problems[0]).toEqual({
      severity: 'critical',
      target: 'node/pve2',
      problem: 'is offline',
    });
    const storage = await call(client, 'pve_list_storage');
    expect(storage.structuredContent).toMatchObject({ notes: [expect.stringContaining('/nodes/pve2/storage')] });
    expect(await failureOf(client, 'pve_guest_config', { vmid: 102 })).toMatch(
      /could not reach the node .*No route to host/,
    );
  });

  it('shows tasks, their end and their log', async () => {
    const pve = await startPve();
    pve.tasks.fail('qmstart', 'start failed: no memory');
    const client = await connected(pve.port);
    await call(client, 'pve_power', { vmids: [103], action: 'start' });
    await call(client, 'pve_power', { vmids: [104], action: 'start' });
    const { tasks } = (await call(client, 'pve_list_tasks', { errors: true })).structuredContent as {
      tasks: { upid: string }[];
    };
    expect(tasks).toMatchObject([
      { type: 'qmstart', id: '103', status: 'start failed: no memory', user: 'root@pam!mcp' },
    ]);
    expect((await call(client, 'pve_list_tasks', { node: 'pve1', vmid: 104 })).structuredContent).toMatchObject({
      tasks: [{ id: '104', status: 'OK' }],
    });
    const one = await call(client, 'pve_task', { upid: tasks[0]?.upid, wait_seconds: 1 });
    expect(one.structuredContent).toMatchObject({
      outcome: 'failed',
      message: 'start failed: no memory',
      log: [expect.any(String), 'TASK ERROR: start failed: no memory'],
    });
  });

  it.each<[string, object, RegExp]>([
    ['pve_guest_agent_info', { vmid: 101 }, /is a container; only virtual machines/],
    ['pve_guest_agent_info', { vmid: 103 }, /VM 103 is not running\. Start it first/],
    ['pve_metrics', {}, /Say vmid, or node/],
    ['pve_storage_content', { storage: 'nowhere' }, /shows no storage "nowhere"/],
    ['pve_verify_backup', { volid: 'vault:backup/none' }, /There is no backup vault:backup\/none/],
    ['pve_firewall_rules', { scope: 'guest' }, /vmid is missing/],
    ['pve_task', { upid: 'UPID:x' }, /is not a UPID/],
    ['pve_export_terraform', {}, /Say vmid or node/],
    ['pve_api_call', { method: 'GET', path: '/nowhere' }, /has no path \/nowhere\. pve_api_search/],
    ['pve_api_call', { method: 'GET', path: '/nodes/pve1/../pve2/status' }, /without a query/],
    ['pve_api_call', { method: 'GET', path: '/cluster/resources?type=vm' }, /without a query/],
    ['pve_api_call', { method: 'POST', path: '/version' }, /has no method POST; it has: GET/],
    ['pve_api_call', { method: 'GET', path: '/nodes/pve1/rrddata' }, /- timeframe: is missing/],
    ['pve_api_call', { method: 'GET', path: '/version', params: { x: 1 } }, /- x: is not known/],
    ['pve_guest_file', { vmid: 100, action: 'read', path: '/nothing' }, /No such file/],
  ])('%s %j is refused with a reason', async (name, args, reason) => {
    const pve = await startPve();
    expect(await failureOf(await connected(pve.port), name, args)).toMatch(reason);
    expect(pve.writes).toEqual([]);
  });
});
