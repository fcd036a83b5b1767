import { describe, expect, it } from 'vitest';
import type { Params } from '../../src/servers/proxmox/route.ts';
import { formOf, route, withQuery } from '../../src/servers/proxmox/route.ts';
import { configIn, disksOf, sizeOf, storageTaken } from '../../src/servers/proxmox/sizes.ts';
import type { Call } from '../../src/servers/proxmox/tool.ts';

const GIB = 2 ** 30;

describe('sizes', () => {
  it.each([
    ['32G', 32 * GIB],
    ['528K', 528 * 1024],
    ['4M', 4 * 2 ** 20],
    ['1.5T', 1.5 * 2 ** 40],
    ['4096', 4096],
    ['', undefined],
    ['+5G', undefined],
    ['5g', undefined],
  ])('%s', (text, size) => {
    expect(sizeOf(text)).toBe(size);
  });

  it('of disks leave CD-ROMs, unused disks and everything else out', () => {
    const config = {
      scsi0: 'tank:vm-1-disk-0,size=8G,ssd=1',
      ide2: 'local:iso/x.iso,media=cdrom,size=700M',
      rootfs: 'tank:subvol,size=4G',
      unused0: 'tank:vm-1-disk-1',
      net0: 'virtio,size=9G',
      virtio1: '/dev/sdb',
    };
    expect([...disksOf(config)]).toEqual([
      ['scsi0', 8 * GIB],
      ['rootfs', 4 * GIB],
    ]);
  });

  it('of a configuration as its file has it stop at its snapshots', () => {
    const text = '#comment: x\nname: a b \nscsi0: t:x,size=1G\n\n[before]\nscsi1: t:y,size=1G\n';
    expect(configIn(text)).toEqual({ name: 'a b', scsi0: 't:x,size=1G' });
  });
});

describe('what a change takes', () => {
  const call = { get: () => Promise.reject(new Error('nothing has to be asked')) } as unknown as Call;
  const taken = (path: string, params: Params, method: 'POST' | 'PUT' = 'POST') =>
    storageTaken(call, { method, path, params, action: '', target: '', guests: [], destructive: false });

  it.each<[string, Params, number]>([
    ['/nodes/n/qemu', { scsi0: 'tank:5' }, 5],
    ['/nodes/n/qemu', { scsi0: 'tank:5,ssd=1', virtio1: 'file=tank:2,ssd=1', efidisk0: 'tank:1,efitype=4m' }, 8],
    ['/nodes/n/qemu', { scsi0: 'ssd=1,file=tank:7,discard=on' }, 7],
    ['/nodes/n/qemu', { scsi0: 'tank:vm-1-disk-0', ide2: 'local:iso/9.iso,media=cdrom', net0: 'tank:5' }, 0],
    ['/nodes/n/lxc', { rootfs: 'tank:0.5', mp0: 'volume=tank:2,mp=/x', mp1: '/srv,mp=/srv' }, 2.5],
    ['/nodes/n/qemu/100/config', { scsi1: 'tank:3' }, 3],
    ['/nodes/n/qemu/100/resize', { disk: 'scsi0', size: '+2G' }, 0],
    ['/nodes/n/storage/tank/content', { size: '3G' }, 3],
    ['/nodes/n/storage/tank/content', { size: String(4 * 2 ** 20) }, 4],
    ['/nodes/n/qemu/100/status/start', {}, 0],
  ])('POST %s %j: %d GiB', async (path, params, gib) => {
    expect(await taken(path, params)).toBe(gib * GIB);
  });

  it.each<[string, Params, number]>([
    ['/nodes/n/qemu', { scsi0: ['tank:5'] }, 5],
    ['/nodes/n/qemu/100/clone', { full: 'on' }, 8],
    ['/nodes/n/qemu/100/clone', { full: 'YES' }, 8],
    ['/nodes/n/qemu/100/clone', { full: ['true'] }, 8],
    ['/nodes/n/qemu/100/clone', { full: 'off' }, 0],
    ['/nodes/n/lxc', { restore: 'on', ostemplate: 'local:backup/x' }, 8],
  ])('POST %s %j is %d GiB: flags and lists are read as Proxmox reads them', async (path, params, gib) => {
    const config = 'scsi0: tank:vm-100-disk-0,size=8G\n';
    const answers = { get: async (at: string) => (at.includes('extractconfig') ? config : { scsi0: 'x,size=8G' }) };
    const change = { method: 'POST', path, params, action: '', target: '', guests: [], destructive: false } as const;
    expect(await storageTaken(answers as unknown as Call, change)).toBe(gib * GIB);
  });

  it('is what a disk grows by', async () => {
    expect(await taken('/nodes/n/qemu/100/resize', { disk: 'scsi0', size: '+2G' }, 'PUT')).toBe(2 * GIB);
  });
});

describe('paths and forms', () => {
  it('put whatever they are given into one segment', () => {
    expect(route`/nodes/${'a/../b'}/qemu/${100}`).toBe('/nodes/a%2F..%2Fb/qemu/100');
  });

  it('write flags as 1 and 0, lists as repeated keys, and nothing for what is not set', () => {
    expect(formOf({ a: true, b: false, c: ['x y', '&'], d: undefined, e: 0 })).toBe('a=1&b=0&c=x+y&c=%26&e=0');
    expect(withQuery('/x', { a: undefined })).toBe('/x');
  });
});
