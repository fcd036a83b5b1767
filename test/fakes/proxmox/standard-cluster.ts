import type { GuestConfig, Row, SimGuest, SimStorage, SimVolume, State } from './state.ts';

const GIB = 2 ** 30;
const DAY = 86_400;
const NODES = ['pve1', 'pve2', 'pve3'] as const;

type Given = Partial<SimGuest> & Pick<SimGuest, 'vmid'> & { readonly config?: GuestConfig };

/** A guest with what is not said; a virtual machine on pve1 that is stopped. */
export function guest({ vmid, type = 'qemu', config = {}, ...given }: Given): SimGuest {
  const title = type === 'qemu' ? { name: `vm-${vmid}` } : { hostname: `ct-${vmid}` };
  const disk =
    type === 'qemu' ? { scsi0: `tank:vm-${vmid}-disk-0,size=8G` } : { rootfs: `tank:subvol-${vmid}-disk-0,size=4G` };
  const agent = type === 'qemu' ? { agent: 1 } : {};
  return {
    vmid,
    type,
    node: 'pve1',
    status: 'stopped',
    paused: false,
    lock: undefined,
    pool: undefined,
    ha: undefined,
    agentRuns: true,
    snapshots: [],
    files: new Map([['/etc/hostname', 'web\n']]),
    ...given,
    config: { ...title, cores: 1, memory: 512, ...disk, ...agent, ...config },
  };
}

/** The guests of the cluster that tests and `npm run proxmox-simulator` begin with; `now` in seconds. */
function guests(now: number): SimGuest[] {
  const old = (name: string, days: number) => ({ name, description: '', snaptime: now - days * DAY, config: {} });
  return [
    guest({
      vmid: 100,
      status: 'running',
      pool: 'shop',
      ha: 'started',
      config: {
        name: 'web',
        cores: 4,
        memory: 8192,
        tags: 'prod;web',
        scsi0: 'ceph:vm-100-disk-0,size=32G',
        net0: 'virtio=BC:24:11:00:00:02,bridge=vmbr0,firewall=1',
      },
    }),
    guest({
      vmid: 101,
      type: 'lxc',
      status: 'running',
      config: { hostname: 'dns', tags: 'prod', net0: 'name=eth0,bridge=vmbr0' },
    }),
    guest({
      vmid: 102,
      node: 'pve2',
      status: 'running',
      config: {
        name: 'db',
        memory: 4096,
        cores: 2,
        ide0: 'tank:vm-102-cloudinit,media=cdrom,size=4M',
        unused0: 'tank:vm-102-disk-9',
      },
      snapshots: [old('auto-1', 100), old('auto-2', 40), old('before', 1)].map((one) => ({
        ...one,
        config: { name: 'db', memory: 2048, cores: 2, scsi0: 'tank:vm-102-disk-0,size=8G' },
      })),
    }),
    guest({ vmid: 103, node: 'pve3', config: { name: 'test' } }),
    guest({ vmid: 104, node: 'pve1', config: { name: 'build', scsi0: 'ceph:vm-104-disk-0,size=100G' } }),
    guest({
      vmid: 105,
      type: 'lxc',
      node: 'pve2',
      config: { hostname: 'proxy', mp0: 'tank:subvol-105-disk-1,mp=/srv,size=10G' },
    }),
    guest({ vmid: 200, type: 'lxc', node: 'pve2', lock: 'snapshot', config: { hostname: 'backup' } }),
    guest({ vmid: 9000, config: { name: 'debian-13', template: 1, memory: 2048, cores: 2 } }),
  ];
}

const STORAGES: readonly SimStorage[] = [
  {
    storage: 'local',
    type: 'dir',
    content: ['iso', 'vztmpl', 'import'],
    shared: false,
    nodes: NODES,
    snapshots: false,
    total: 100 * GIB,
    used: 10 * GIB,
  },
  {
    storage: 'tank',
    type: 'zfspool',
    content: ['images', 'rootdir'],
    shared: false,
    nodes: NODES,
    snapshots: true,
    total: 500 * GIB,
    used: 100 * GIB,
  },
  {
    storage: 'plain',
    type: 'lvm',
    content: ['images'],
    shared: false,
    nodes: ['pve1'],
    snapshots: false,
    total: 500 * GIB,
    used: GIB,
  },
  {
    storage: 'ceph',
    type: 'rbd',
    content: ['images', 'rootdir'],
    shared: true,
    nodes: NODES,
    snapshots: true,
    total: 1000 * GIB,
    used: 300 * GIB,
  },
  {
    storage: 'vault',
    type: 'nfs',
    content: ['backup'],
    shared: true,
    nodes: NODES,
    snapshots: false,
    total: 4000 * GIB,
    used: 3900 * GIB,
  },
];

function volumes(now: number): SimVolume[] {
  const backup = (
    vmid: number,
    type: 'qemu' | 'lxc',
    days: number,
    config: GuestConfig,
    rest: Partial<SimVolume> = {},
  ): SimVolume => ({
    volid: `vault:backup/vzdump-${type}-${vmid}-${days}.${type === 'qemu' ? 'vma' : 'tar'}.zst`,
    storage: 'vault',
    content: 'backup',
    format: 'vma.zst',
    size: 2 * GIB,
    ctime: now - days * DAY,
    vmid,
    subtype: type,
    config,
    ...rest,
  });
  const db = { name: 'db', cores: 2, memory: 4096, scsi0: 'tank:vm-102-disk-0,size=8G' };
  return [
    backup(102, 'qemu', 30, db),
    backup(102, 'qemu', 7, db),
    backup(102, 'qemu', 1, db, { notes: 'before the update', protected: true }),
    backup(105, 'lxc', 3, { hostname: 'proxy', cores: 1, memory: 512, rootfs: 'tank:subvol-105-disk-0,size=4G' }),
    backup(500, 'qemu', 2, { name: 'huge', cores: 1, memory: 512, scsi0: 'ceph:vm-500-disk-0,size=900G' }),
    {
      volid: 'local:iso/debian-13.iso',
      storage: 'local',
      node: 'pve1',
      content: 'iso',
      format: 'iso',
      size: GIB,
      ctime: now - 400 * DAY,
    },
    {
      volid: 'local:import/cloud.qcow2',
      storage: 'local',
      node: 'pve1',
      content: 'import',
      format: 'qcow2',
      size: 3 * GIB,
      ctime: now - DAY,
    },
    {
      volid: 'local:vztmpl/debian-13.tar.zst',
      storage: 'local',
      node: 'pve1',
      content: 'vztmpl',
      format: 'tzst',
      size: GIB,
      ctime: now - DAY,
    },
    {
      volid: 'tank:vm-102-disk-9',
      storage: 'tank',
      node: 'pve2',
      content: 'images',
      format: 'raw',
      size: 8 * GIB,
      ctime: now - DAY,
      vmid: 102,
    },
    {
      volid: 'ceph:vm-777-disk-0',
      storage: 'ceph',
      content: 'images',
      format: 'raw',
      size: 8 * GIB,
      ctime: now - DAY,
      vmid: 777,
    },
    {
      volid: 'ceph:vm-100-disk-0',
      storage: 'ceph',
      content: 'images',
      format: 'raw',
      size: 32 * GIB,
      ctime: now - DAY,
      vmid: 100,
    },
  ];
}

/** Three nodes with guests of both kinds, storages, snapshots, backups, a backup job, and firewall rules. */
export function standardCluster(nowMs: number): State {
  const now = Math.floor(nowMs / 1000);
  const rules: Row[] = [{ type: 'in', action: 'ACCEPT', enable: 1, comment: 'ssh' }];
  return {
    cluster: 'home',
    nodes: new Map(NODES.map((name) => [name, 'online'])),
    guests: new Map(guests(now).map((one) => [one.vmid, one])),
    storages: STORAGES,
    volumes: new Map(volumes(now).map((one) => [one.volid, one])),
    jobs: new Map([
      [
        'nightly',
        { id: 'nightly', schedule: '02:00', storage: 'vault', vmid: '100,101', mode: 'snapshot', enabled: 1 },
      ],
    ]),
    firewall: new Map([
      ['/cluster', rules],
      ['/nodes/pve1/qemu/100', structuredClone(rules)],
    ]),
    pools: ['shop'],
  };
}
