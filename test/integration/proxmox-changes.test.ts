import { describe, expect, it } from 'vitest';
import type { ProxmoxSimulator } from '../fakes/proxmox/simulator.ts';
import { apply, call, changesOf, connected, failureOf, startPve, textOf } from './proxmox-setup.ts';

type Look = (pve: ProxmoxSimulator) => unknown;
const volids = (pve: ProxmoxSimulator) => [...pve.state.volumes.keys()];
const config = (vmid: number) => (pve: ProxmoxSimulator) => pve.state.guests.get(vmid)?.config;
const status = (vmid: number) => (pve: ProxmoxSimulator) => pve.guest(vmid).status;
const has = (vmid: number) => (pve: ProxmoxSimulator) => pve.state.guests.has(vmid);

/** Tool, arguments, whether it is planned first, what it says of its change, a look at the cluster, what is seen there. */
const CHANGES: readonly [string, object, 'at once' | 'planned', object, Look, unknown][] = [
  [
    'pve_power',
    { vmids: [103, 104], action: 'start' },
    'at once',
    { action: 'start', state: 'running' },
    status(104),
    'running',
  ],
  [
    'pve_power',
    { vmids: [105], action: 'start' },
    'at once',
    { target: 'lxc/105', state: 'running' },
    status(105),
    'running',
  ],
  [
    'pve_power',
    { vmids: [102], action: 'shutdown', timeout: 9 },
    'at once',
    { state: 'stopped' },
    status(102),
    'stopped',
  ],
  [
    'pve_power',
    { vmids: [102], action: 'suspend' },
    'at once',
    { state: 'running (paused)' },
    (pve) => pve.guest(102).paused,
    true,
  ],
  ['pve_power', { vmids: [102], action: 'resume' }, 'at once', { state: 'running' }, status(102), 'running'],
  [
    'pve_power',
    { vmids: [102], action: 'stop' },
    'planned',
    { state: 'stopped', impact: expect.stringContaining('power was cut') },
    status(102),
    'stopped',
  ],
  ['pve_power', { vmids: [102], action: 'reboot' }, 'planned', { state: 'running' }, status(102), 'running'],
  ['pve_power', { vmids: [102], action: 'reset' }, 'planned', { state: 'running' }, status(102), 'running'],
  [
    'pve_power',
    { vmids: [102], action: 'shutdown', force_stop: true },
    'planned',
    { action: 'shutdown, then stop' },
    status(102),
    'stopped',
  ],
  [
    'pve_create_snapshot',
    { vmids: [100, 102], name: 'now', include_ram: true },
    'at once',
    { action: 'take snapshot "now"', upid: expect.stringContaining(':qmsnapshot:') },
    (pve) => pve.guest(102).snapshots.at(-1)?.name,
    'now',
  ],
  [
    'pve_rollback_snapshot',
    { vmid: 102, name: 'before', start: true },
    'planned',
    { impact: expect.stringContaining('is lost') },
    config(102),
    expect.objectContaining({ memory: 2048 }),
  ],
  [
    'pve_delete_snapshot',
    { vmid: 102, name: 'auto-1' },
    'planned',
    { action: 'delete snapshot "auto-1"' },
    (pve) => pve.guest(102).snapshots.map((one) => one.name),
    ['auto-2', 'before'],
  ],
  [
    'pve_create_backup',
    { vmids: [100], storage: 'vault', notes: 'mine', protected: true },
    'at once',
    { upid: expect.stringContaining(':vzdump:100:') },
    (pve) => [...pve.state.volumes.values()].at(-1),
    expect.objectContaining({ vmid: 100, protected: true, notes: 'snapshot mine' }),
  ],
  [
    'pve_create_backup',
    { vmids: [102], storage: 'vault', mode: 'stop' },
    'planned',
    { impact: expect.stringContaining('mode stop') },
    (pve) => [...pve.state.volumes.values()].at(-1)?.vmid,
    102,
  ],
  [
    'pve_restore_backup',
    { volid: 'vault:backup/vzdump-qemu-102-7.vma.zst', node: 'pve3', vmid: 300 },
    'at once',
    { target: 'qemu/300', state: 'stopped' },
    config(300),
    expect.objectContaining({ name: 'db' }),
  ],
  [
    'pve_restore_backup',
    { volid: 'vault:backup/vzdump-lxc-105-3.tar.zst', node: 'pve2', vmid: 105, overwrite: true },
    'planned',
    { impact: expect.stringContaining('all its disks are replaced') },
    config(105),
    expect.not.objectContaining({ mp0: expect.anything() }),
  ],
  [
    'pve_protect_backup',
    { volid: 'vault:backup/vzdump-qemu-102-7.vma.zst', protected: true, notes: 'kept' },
    'at once',
    { action: 'protect' },
    (pve) => pve.state.volumes.get('vault:backup/vzdump-qemu-102-7.vma.zst'),
    expect.objectContaining({ protected: true, notes: 'kept' }),
  ],
  [
    'pve_backup_job',
    { action: 'create', id: 'weekly', schedule: 'sun 01:00', storage: 'vault', vmids: [103] },
    'at once',
    { action: 'create backup job' },
    (pve) => pve.state.jobs.get('weekly'),
    expect.objectContaining({ vmid: '103' }),
  ],
  [
    'pve_backup_job',
    { action: 'update', id: 'nightly', schedule: '03:00' },
    'at once',
    { target: 'job/nightly' },
    (pve) => pve.state.jobs.get('nightly'),
    expect.objectContaining({ schedule: '03:00' }),
  ],
  [
    'pve_backup_job',
    { action: 'update', id: 'nightly', mode: 'stop' },
    'planned',
    { impact: expect.stringContaining('do not work while they are backed up') },
    (pve) => pve.state.jobs.get('nightly'),
    expect.objectContaining({ mode: 'stop' }),
  ],
  [
    'pve_backup_job',
    { action: 'run', id: 'nightly' },
    'at once',
    { action: 'back up as job nightly does' },
    (pve) =>
      [...pve.state.volumes.values()]
        .slice(-2)
        .map((one) => one.vmid)
        .sort(),
    [100, 101],
  ],
  [
    'pve_backup_job',
    { action: 'delete', id: 'nightly' },
    'planned',
    { action: 'delete backup job' },
    (pve) => pve.state.jobs.size,
    0,
  ],
  [
    'pve_create_vm',
    {
      node: 'pve3',
      name: 'new',
      disk: { storage: 'tank', size_gb: 16 },
      memory_mb: 2048,
      iso: 'local:iso/debian-13.iso',
      net: { bridge: 'vmbr0', vlan: 7 },
      tags: ['a', 'b'],
      cloud_init: { user: 'ann', ssh_keys: ['ssh-ed25519 AAAA ann@x'], ipconfig: 'ip=dhcp' },
      start: true,
    },
    'at once',
    { target: 'qemu/106', state: 'running' },
    config(106),
    expect.objectContaining({
      name: 'new',
      scsi0: expect.stringMatching(/size=16G$/),
      net0: 'virtio,bridge=vmbr0,tag=7,firewall=1',
      tags: 'a;b',
      ciuser: 'ann',
      sshkeys: 'ssh-ed25519%20AAAA%20ann%40x',
    }),
  ],
  [
    'pve_create_container',
    {
      node: 'pve1',
      vmid: 310,
      hostname: 'ct',
      ostemplate: 'local:vztmpl/debian-13.tar.zst',
      rootfs: { storage: 'tank', size_gb: 4 },
      net: { bridge: 'vmbr0', firewall: false },
      ip: '192.0.2.9/24',
      gateway: '192.0.2.1',
    },
    'at once',
    { target: 'lxc/310' },
    config(310),
    expect.objectContaining({ net0: 'name=eth0,bridge=vmbr0,ip=192.0.2.9/24,gw=192.0.2.1', unprivileged: 1 }),
  ],
  [
    'pve_clone_guest',
    { vmid: 9000, newid: 320, name: 'copy', full: false },
    'at once',
    { action: 'clone as 320', state: 'stopped' },
    config(320),
    expect.objectContaining({ name: 'copy' }),
  ],
  [
    'pve_clone_guest',
    { vmid: 105, name: 'copy' },
    'at once',
    { action: 'clone as 106' },
    config(106),
    expect.objectContaining({ hostname: 'copy' }),
  ],
  [
    'pve_update_config',
    { vmid: 103, set: { cores: 3, description: 'a\nb', onboot: true }, delete: ['agent'] },
    'at once',
    { action: 'set cores, description, onboot, agent' },
    config(103),
    { name: 'test', cores: 3, memory: 512, description: 'a\nb', onboot: 1, scsi0: 'tank:vm-103-disk-0,size=8G' },
  ],
  [
    'pve_cloudinit',
    { vmid: 102, user: 'ann', ipconfig: 'ip=192.0.2.3/24,gw=192.0.2.1' },
    'at once',
    { action: 'set cloud-init' },
    config(102),
    expect.objectContaining({ ciuser: 'ann', ipconfig0: 'ip=192.0.2.3/24,gw=192.0.2.1' }),
  ],
  [
    'pve_disk',
    { vmid: 103, action: 'add', disk: 'scsi1', size_gb: 5, storage: 'tank' },
    'at once',
    { action: 'add scsi1 of 5 GiB on tank' },
    config(103),
    expect.objectContaining({ scsi1: 'tank:vm-103-disk-scsi1,size=5G' }),
  ],
  [
    'pve_disk',
    { vmid: 105, action: 'add', disk: 'mp1', size_gb: 5, storage: 'tank', mount_point: '/data' },
    'at once',
    { target: 'lxc/105' },
    config(105),
    expect.objectContaining({ mp1: 'tank:subvol-105-disk-mp1,mp=/data,size=5G' }),
  ],
  [
    'pve_disk',
    { vmid: 103, action: 'resize', disk: 'scsi0', size_gb: 20 },
    'at once',
    { action: 'resize scsi0 to 20 GiB' },
    config(103),
    expect.objectContaining({ scsi0: 'tank:vm-103-disk-0,size=20G' }),
  ],
  [
    'pve_disk',
    { vmid: 103, action: 'move', disk: 'scsi0', storage: 'ceph' },
    'at once',
    { action: 'move scsi0 to ceph' },
    config(103),
    expect.objectContaining({ scsi0: 'ceph:vm-103-disk-0,size=8G', unused0: 'tank:vm-103-disk-0' }),
  ],
  [
    'pve_disk',
    { vmid: 105, action: 'move', disk: 'mp0', storage: 'ceph', delete_source: true },
    'at once',
    { action: 'move mp0 to ceph' },
    config(105),
    expect.objectContaining({ mp0: 'ceph:subvol-105-disk-1,mp=/srv,size=10G' }),
  ],
  [
    'pve_disk',
    { vmid: 103, action: 'detach', disk: 'scsi0' },
    'planned',
    { impact: expect.stringContaining('unused disk') },
    config(103),
    expect.objectContaining({ unused0: 'tank:vm-103-disk-0' }),
  ],
  [
    'pve_disk',
    { vmid: 102, action: 'remove', disk: 'unused0' },
    'planned',
    { impact: expect.stringContaining('is lost') },
    config(102),
    expect.not.objectContaining({ unused0: expect.anything() }),
  ],
  [
    'pve_network_device',
    { vmid: 103, action: 'add', id: 0, bridge: 'vmbr0' },
    'at once',
    { action: 'add net0' },
    config(103),
    expect.objectContaining({ net0: 'virtio,bridge=vmbr0,firewall=1' }),
  ],
  [
    'pve_network_device',
    { vmid: 100, action: 'update', id: 0, vlan: 9 },
    'at once',
    { action: 'update net0' },
    config(100),
    expect.objectContaining({ net0: 'virtio=BC:24:11:00:00:02,bridge=vmbr0,tag=9,firewall=1' }),
  ],
  [
    'pve_network_device',
    { vmid: 101, action: 'remove', id: 0 },
    'planned',
    { impact: expect.stringContaining('cut off') },
    config(101),
    expect.not.objectContaining({ net0: expect.anything() }),
  ],
  [
    'pve_migrate_guest',
    { vmid: 102, target: 'pve3', with_local_disks: true },
    'planned',
    { action: 'migrate to pve3', state: 'running' },
    (pve) => pve.guest(102).node,
    'pve3',
  ],
  [
    'pve_migrate_guest',
    { vmid: 101, target: 'pve3' },
    'planned',
    { impact: expect.stringContaining('stopped and started') },
    (pve) => pve.guest(101).node,
    'pve3',
  ],
  [
    'pve_convert_to_template',
    { vmid: 103 },
    'planned',
    { impact: expect.stringContaining('only cloned') },
    config(103),
    expect.objectContaining({ template: 1 }),
  ],
  [
    'pve_delete_guest',
    { vmids: [103, 104] },
    'planned',
    { action: 'delete "test"', impact: expect.stringContaining('disks (8 GiB)') },
    has(104),
    false,
  ],
  [
    'pve_delete_guest',
    { vmids: [103], backup_to: 'vault', purge: true },
    'planned',
    { action: 'back up to vault' },
    has(103),
    false,
  ],
  [
    'pve_guest_exec',
    { vmid: 100, command: ['echo', 'a b', 'c'], input: '!' },
    'planned',
    { details: expect.objectContaining({ exitcode: 0, stdout: 'a b c!\n' }) },
    (pve) => pve.guest(100).files.size,
    2,
  ],
  [
    'pve_guest_file',
    { vmid: 100, action: 'write', path: '/etc/motd', content: 'hi' },
    'planned',
    { action: 'write 2 bytes to /etc/motd' },
    (pve) => pve.guest(100).files.get('/etc/motd'),
    'hi',
  ],
  [
    'pve_download_media',
    { node: 'pve1', storage: 'local', url: 'https://example.org/x.iso', filename: 'x.iso', checksum: 'abc' },
    'at once',
    { action: 'download x.iso' },
    volids,
    expect.arrayContaining(['local:iso/x.iso']),
  ],
  [
    'pve_download_media',
    { node: 'pve1', storage: 'local', template: 'debian-13-standard_13.1-2_amd64.tar.zst' },
    'at once',
    { outcome: 'done' },
    volids,
    expect.arrayContaining(['local:vztmpl/debian-13-standard_13.1-2_amd64.tar.zst']),
  ],
  [
    'pve_ha',
    { vmid: 103, action: 'add', state: 'started' },
    'at once',
    { action: 'put under high availability as started' },
    (pve) => pve.guest(103).ha,
    'started',
  ],
  [
    'pve_ha',
    { vmid: 100, action: 'set', state: 'stopped' },
    'planned',
    { impact: expect.stringContaining('stops the guest') },
    status(100),
    'stopped',
  ],
  [
    'pve_ha',
    { vmid: 100, action: 'remove' },
    'planned',
    { action: 'take out of high availability' },
    (pve) => pve.guest(100).ha,
    undefined,
  ],
  [
    'pve_firewall_rule',
    { scope: 'guest', vmid: 100, action: 'add', rule: { type: 'in', action: 'DROP', enable: true } },
    'planned',
    { target: 'qemu/100' },
    (pve) => pve.state.firewall.get('/nodes/pve1/qemu/100')?.length,
    2,
  ],
  [
    'pve_firewall_rule',
    { scope: 'cluster', action: 'update', pos: 0, rule: { comment: 'shell' } },
    'planned',
    { action: expect.stringContaining('set rule 0 (in ACCEPT ssh)') },
    (pve) => pve.state.firewall.get('/cluster')?.[0]?.comment,
    'shell',
  ],
  [
    'pve_firewall_rule',
    { scope: 'cluster', action: 'delete', pos: 0 },
    'planned',
    { action: 'delete rule 0 (in ACCEPT ssh)' },
    (pve) => pve.state.firewall.get('/cluster'),
    [],
  ],
  [
    'pve_delete_backup',
    { volids: ['vault:backup/vzdump-qemu-102-7.vma.zst'] },
    'planned',
    { impact: expect.stringContaining('2 GiB, is lost') },
    volids,
    expect.not.arrayContaining(['vault:backup/vzdump-qemu-102-7.vma.zst']),
  ],
  [
    'pve_prune_backups',
    { storage: 'vault', keep: { last: 1 }, vmid: 102, dry_run: false },
    'planned',
    { target: 'vault:backup/vzdump-qemu-102-7.vma.zst' },
    (pve) => volids(pve).filter((one) => /qemu-102/.test(one)),
    ['vault:backup/vzdump-qemu-102-1.vma.zst'],
  ],
  [
    'pve_cleanup_snapshots',
    { older_than_days: 30, name_glob: 'auto-*', dry_run: false },
    'planned',
    { action: 'delete snapshot "auto-1"' },
    (pve) => pve.guest(102).snapshots.map((one) => one.name),
    ['before'],
  ],
  [
    'pve_cleanup_orphans',
    { kinds: ['unused_disks', 'orphan_volumes', 'old_isos', 'stale_templates'], dry_run: false },
    'planned',
    { action: 'delete unused disk unused0 (tank:vm-102-disk-9)' },
    (pve) => volids(pve).filter((one) => /^(tank|ceph|local)/.test(one)),
    ['local:import/cloud.qcow2', 'local:vztmpl/debian-13.tar.zst', 'ceph:vm-100-disk-0'],
  ],
  [
    'pve_api_call',
    { method: 'PUT', path: '/nodes/pve3/qemu/103/config', params: { cores: 2 } },
    'planned',
    { target: '/nodes/pve3/qemu/103/config' },
    config(103),
    expect.objectContaining({ cores: 2 }),
  ],
  [
    'pve_api_call',
    { method: 'DELETE', path: '/nodes/pve1/storage/local/content/local:iso/debian-13.iso' },
    'planned',
    { outcome: 'done' },
    volids,
    expect.not.arrayContaining(['local:iso/debian-13.iso']),
  ],
];

describe('what changes something', () => {
  it.each(CHANGES)('%s %j (%s)', async (name, args, how, change, look, seen) => {
    const pve = await startPve();
    const client = await connected(pve.port);
    const before = look(pve);
    const first = await call(client, name, args);
    expect(textOf(first)).not.toMatch(/undefined|\[object/);
    if (how === 'planned') {
      expect(changesOf(first)).toMatchObject({ applied: false, plan_token: expect.any(String) });
      expect(pve.writes).toEqual([]);
      expect(look(pve)).toEqual(before);
    }
    const { plan_token } = changesOf(first);
    const result = plan_token === undefined ? first : await call(client, name, { ...args, plan_token });
    expect(textOf(result)).not.toMatch(/undefined|\[object/);
    expect(result).not.toHaveProperty('isError');
    expect(changesOf(result)).toMatchObject({ applied: true });
    expect(changesOf(result)).not.toHaveProperty('plan_token');
    expect(changesOf(result).changes[0]).toMatchObject({ outcome: 'done', ...change });
    expect(look(pve)).toEqual(seen);
  });

  it.each<[string, object, string]>([
    ['pve_migrate_guest', { vmid: 102, target: 'pve2' }, 'qemu/102 is on pve2 already'],
    ['pve_convert_to_template', { vmid: 9000 }, 'qemu/9000 is a template already'],
    ['pve_delete_backup', { volids: ['vault:backup/vzdump-qemu-102-1.vma.zst'] }, 'is protected and stays'],
  ])('%s %j has nothing to do', async (name, args, note) => {
    const pve = await startPve();
    const { applied, notes } = changesOf(await call(await connected(pve.port), name, args));
    expect([applied, notes.join()]).toEqual([false, expect.stringContaining(note)]);
    expect(pve.writes).toEqual([]);
  });

  it('stops a task', async () => {
    const pve = await startPve({ taskMs: 600_000 });
    const client = await connected(pve.port);
    const begun = changesOf(await call(client, 'pve_power', { vmids: [103], action: 'start', wait_seconds: 0 }));
    expect(begun.changes).toMatchObject([{ outcome: 'running', upid: expect.stringContaining(':qmstart:103:') }]);
    const { upid } = begun.changes[0] ?? {};
    const stopped = changesOf(await apply(client, 'pve_stop_task', { upid }));
    expect(stopped.changes).toMatchObject([{ action: 'stop task qmstart', outcome: 'done' }]);
    expect((await call(client, 'pve_task', { upid })).structuredContent).toMatchObject({
      outcome: 'failed',
      message: 'unexpected status',
    });
    expect(changesOf(await call(client, 'pve_stop_task', { upid })).notes[0]).toMatch(/has ended/);
  });
});

/** Tool, arguments, what is done to the cluster before, and what is said. */
const FAILURES: readonly [string, object, Look, RegExp][] = [
  ['pve_power', { vmids: [102], action: 'start' }, () => {}, /VM 102 already running/],
  ['pve_power', { vmids: [101], action: 'start' }, () => {}, /CT 101 already running\. There is nothing to start/],
  ['pve_power', { vmids: [103], action: 'resume' }, () => {}, /VM 103 not running\. Start it first/],
  ['pve_power', { vmids: [105], action: 'shutdown' }, () => {}, /CT 105 not running/],
  [
    'pve_power',
    { vmids: [103], action: 'start' },
    (pve) => {
      pve.guest(103).lock = 'backup';
    },
    /VM is locked \(backup\)/,
  ],
  [
    'pve_power',
    { vmids: [102], action: 'shutdown' },
    (pve) => {
      pve.guest(102).paused = true;
    },
    /VM is paused - cannot shutdown\. Resume it first/,
  ],
  ['pve_power', { vmids: [101], action: 'reset' }, () => {}, /Containers \(101\) have no reset/],
  ['pve_power', { vmids: [103, 404], action: 'start' }, () => {}, /shows no guest 404/],
  ['pve_create_snapshot', { vmids: [102], name: 'before' }, () => {}, /snapshot name 'before' already used/],
  ['pve_create_snapshot', { vmids: [102], name: 'current' }, () => {}, /reserved/],
  ['pve_create_snapshot', { vmids: [9000], name: 'x1' }, () => {}, /you can't take a snapshot if it's a template/],
  [
    'pve_create_snapshot',
    { vmids: [104], name: 'x1' },
    (pve) => {
      pve.guest(104).config.scsi0 = 'plain:vm-104-disk-0,size=8G';
    },
    /snapshot feature is not available/,
  ],
  ['pve_create_snapshot', { vmids: [200], name: 'x1' }, () => {}, /CT is locked \(snapshot\)/],
  [
    'pve_rollback_snapshot',
    { vmid: 102, name: 'gone' },
    () => {},
    /no snapshot "gone"; it has: auto-1, auto-2, before/,
  ],
  [
    'pve_create_backup',
    { vmids: [100], storage: 'nowhere' },
    () => {},
    /storage 'nowhere' does not exist\. pve_list_storage/,
  ],
  [
    'pve_restore_backup',
    { volid: 'vault:backup/vzdump-qemu-102-7.vma.zst', node: 'pve3', vmid: 103 },
    () => {},
    /There is a guest 103 .*set overwrite/,
  ],
  [
    'pve_restore_backup',
    { volid: 'vault:backup/vzdump-qemu-102-7.vma.zst', node: 'pve2', vmid: 102, overwrite: true },
    () => {},
    /unable to restore VM 102 - VM is running/,
  ],
  ['pve_backup_job', { action: 'update', id: 'other' }, () => {}, /There is no job "other"; there are: nightly/],
  [
    'pve_create_vm',
    { node: 'pve1', vmid: 100, name: 'x', disk: { storage: 'tank', size_gb: 1 } },
    () => {},
    /VM 100 already exists/,
  ],
  [
    'pve_create_vm',
    { node: 'pve2', name: 'x', disk: { storage: 'plain', size_gb: 1 } },
    () => {},
    /storage 'plain' is not available on node 'pve2'/,
  ],
  ['pve_clone_guest', { vmid: 103, newid: 104 }, () => {}, /config file already exists/],
  [
    'pve_update_config',
    { vmid: 103, set: { cores: 2 }, digest: 'old' },
    () => {},
    /has changed since its digest was read/,
  ],
  ['pve_update_config', { vmid: 103, set: { scsi0: 'x:1' } }, () => {}, /scsi0 is a disk: pve_disk/],
  ['pve_update_config', { vmid: 103, set: { net0: 'x' } }, () => {}, /net0 is a network device/],
  ['pve_update_config', { vmid: 103, set: { args: '-x' } }, () => {}, /args cannot be set here/],
  ['pve_update_config', { vmid: 103, set: { nonsense: 1 } }, () => {}, /nonsense: property is not defined in schema/],
  ['pve_update_config', { vmid: 200, set: { cores: 2 } }, () => {}, /CT is locked \(snapshot\)\. Another operation/],
  ['pve_cloudinit', { vmid: 103, user: 'ann' }, () => {}, /has no cloud-init drive/],
  ['pve_cloudinit', { vmid: 101 }, () => {}, /is a container/],
  [
    'pve_disk',
    { vmid: 103, action: 'resize', disk: 'scsi0', size_gb: 4 },
    () => {},
    /has 8 GiB; a disk can only be made larger/,
  ],
  [
    'pve_disk',
    { vmid: 103, action: 'add', disk: 'scsi0', size_gb: 4, storage: 'tank' },
    () => {},
    /has a disk scsi0 already/,
  ],
  [
    'pve_disk',
    { vmid: 103, action: 'move', disk: 'scsi7', storage: 'tank' },
    () => {},
    /has no disk scsi7; it has scsi0/,
  ],
  ['pve_disk', { vmid: 105, action: 'remove', disk: 'mp0' }, () => {}, /Detach mp0 first/],
  ['pve_network_device', { vmid: 100, action: 'add', id: 0, bridge: 'vmbr0' }, () => {}, /net0 is there already/],
  ['pve_migrate_guest', { vmid: 102, target: 'pve3' }, () => {}, /disks on no shared storage \(tank:vm-102-disk-0/],
  [
    'pve_migrate_guest',
    { vmid: 100, target: 'pve3', online: false },
    () => {},
    /can't migrate running VM without --online/,
  ],
  ['pve_delete_guest', { vmids: [102] }, () => {}, /Guests 102 run\. Stop them first/],
  [
    'pve_delete_guest',
    { vmids: [103] },
    (pve) => {
      pve.guest(103).config.protection = 1;
    },
    /can't remove VM 103 - protection mode enabled\. Somebody protected it/,
  ],
  [
    'pve_delete_guest',
    { vmids: [103] },
    (pve) => {
      pve.guest(103).ha = 'stopped';
    },
    /used in HA resources and purge parameter not set\.\. Take it out/,
  ],
  ['pve_guest_exec', { vmid: 103, command: ['ls'] }, () => {}, /VM 103 is not running/],
  [
    'pve_guest_exec',
    { vmid: 100, command: ['ls'] },
    (pve) => {
      pve.guest(100).agentRuns = false;
    },
    /QEMU guest agent is not running\. Install and start/,
  ],
  [
    'pve_guest_exec',
    { vmid: 100, command: ['ls'] },
    (pve) => {
      delete pve.guest(100).config.agent;
    },
    /No QEMU guest agent configured\. Enable it/,
  ],
  ['pve_guest_file', { vmid: 100, action: 'write', path: '/x' }, () => {}, /content is missing/],
  [
    'pve_download_media',
    { node: 'pve1', storage: 'local', url: 'https://example.org/x.iso', filename: 'x.iso' },
    () => {},
    /Say url, filename and checksum/,
  ],
  [
    'pve_download_media',
    { node: 'pve1', storage: 'local', url: 'https://example.org/x.iso', filename: 'x.iso', checksum: '000' },
    () => {},
    /checksum mismatch/,
  ],
  ['pve_ha', { vmid: 100, action: 'add' }, () => {}, /is under high availability already \(started\)/],
  ['pve_ha', { vmid: 103, action: 'remove' }, () => {}, /vm:103 is not under high availability/],
  ['pve_firewall_rule', { scope: 'cluster', action: 'delete', pos: 7 }, () => {}, /There is no rule 7 on cluster/],
  [
    'pve_api_call',
    { method: 'POST', path: '/nodes/pve1/qemu/102/status/start' },
    () => {},
    /Configuration file 'nodes\/pve1\/qemu-server\/102.conf' does not exist/,
  ],
];

describe('what cannot be done', () => {
  it.each(FAILURES)('%s %j', async (name, args, prepare, reason) => {
    const pve = await startPve();
    prepare(pve);
    const client = await connected(pve.port);
    const result = await apply(client, name, args);
    expect(result).toMatchObject({ isError: true });
    expect(textOf(result)).toMatch(reason);
  });

  it('needs the privilege that it names', async () => {
    const pve = await startPve({ grants: { 'root@pam!mcp': { '/': ['VM.Audit', 'Sys.Audit'] } } });
    expect(await failureOf(await connected(pve.port), 'pve_power', { vmids: [103], action: 'start' })).toMatch(
      /Give it a role with VM\.PowerMgmt on \/vms\/103 \(Datacenter > Permissions > Add\); a token with privilege separation/,
    );
  });

  it('does what can be done of several, and says which failed', async () => {
    const pve = await startPve();
    const result = await call(await connected(pve.port), 'pve_power', { vmids: [102, 103], action: 'start' });
    expect(result.isError).toBe(true);
    expect(changesOf(result).changes).toMatchObject([
      { target: 'qemu/102', outcome: 'failed', message: 'VM 102 already running. There is nothing to start' },
      { target: 'qemu/103', outcome: 'done', state: 'running' },
    ]);
  });

  it('keeps a guest whose last backup fails', async () => {
    const pve = await startPve();
    pve.tasks.fail('vzdump', 'no space left on device');
    const result = await apply(await connected(pve.port), 'pve_delete_guest', { vmids: [103], backup_to: 'vault' });
    expect(changesOf(result).changes).toMatchObject([
      { outcome: 'failed', message: 'no space left on device' },
      { outcome: 'skipped', message: 'what it depends on did not succeed' },
    ]);
    expect(pve.guest(103)).toBeDefined();
  });

  it('does not take an image for orphaned whose guest it may not see', async () => {
    const pve = await startPve({ denied: ['/vms', '/vms/100'] });
    const args = { kinds: ['orphan_volumes'], dry_run: true };
    expect(await failureOf(await connected(pve.port), 'pve_cleanup_orphans', args)).toMatch(/VM\.Audit on \/vms/);
  });
});
