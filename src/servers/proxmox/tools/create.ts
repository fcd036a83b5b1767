import * as z from 'zod';
import { nextId } from '../answers.ts';
import { nodeName, storageName, vmid } from '../guests.ts';
import { defineChange, waitSeconds } from '../proposal.ts';
import { route } from '../route.ts';
import type { Call } from '../tool.ts';
import { volid } from './backups.ts';
import { cloudInit, cloudInitParams } from './cloud-init.ts';

const guestName = z
  .string()
  .regex(/^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/)
  .describe('A DNS name');
const disk = z.strictObject({ storage: storageName, size_gb: z.int().min(1).describe('GiB') });
const bridge = z.string().regex(/^[A-Za-z][A-Za-z0-9_.-]{0,14}$/);
const net = z
  .strictObject({ bridge, vlan: z.int().min(1).max(4094).optional(), firewall: z.boolean().default(true) })
  .optional()
  .describe('Its first network device');
const shared = {
  node: nodeName,
  vmid: vmid.optional().describe('The next free number if absent'),
  cores: z.int().min(1).max(512).default(1),
  memory_mb: z.int().min(16).default(1024).describe('MiB'),
  net,
  pool: z.string().optional(),
  tags: z.array(z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_+.-]*$/)).optional(),
  onboot: z.boolean().default(false).describe('Start it when its node starts'),
  start: z.boolean().default(false).describe('Start it once it is made'),
  wait_seconds: waitSeconds,
};

/** The number of a new guest. */
export async function newNumber(call: Call, wanted: number | undefined): Promise<number> {
  return wanted ?? (await call.get('/cluster/nextid', nextId));
}

/** `bridge=vmbr0,tag=7,firewall=1`. */
export function netOptions({
  bridge: name,
  vlan,
  firewall,
}: {
  bridge: string;
  vlan?: number | undefined;
  firewall: boolean;
}): string {
  return [`bridge=${name}`, vlan === undefined ? '' : `tag=${vlan}`, firewall ? 'firewall=1' : '']
    .filter(Boolean)
    .join(',');
}

/** `pve_create_vm`: an empty virtual machine, or one from an image. */
export const createVm = defineChange({
  name: 'pve_create_vm',
  title: 'Create a Proxmox virtual machine',
  description:
    'Creates a virtual machine with one disk, from an ISO image, an importable disk image, or empty; with cloud-init if wanted.',
  operation: 'manage_vms',
  effects: ['write'],
  input: z.strictObject({
    ...shared,
    name: guestName,
    disk,
    iso: volid.optional().describe('Volume id of an ISO image to boot from'),
    import_from: volid.optional().describe('Volume id of a disk image, which becomes the disk'),
    cloud_init: z.strictObject(cloudInit).optional(),
    os_type: z.enum(['l26', 'win11', 'win10', 'other']).default('l26'),
    agent: z.boolean().default(true).describe('Expect the QEMU guest agent'),
  }),
  async run(call, args) {
    const number = await newNumber(call, args.vmid);
    const { storage, size_gb } = args.disk;
    const drive =
      args.import_from === undefined ? `${storage}:${size_gb}` : `${storage}:0,import-from=${args.import_from}`;
    const boot = ['scsi0', args.iso === undefined ? '' : 'ide2', args.net === undefined ? '' : 'net0'].filter(Boolean);
    const params = {
      vmid: number,
      name: args.name,
      cores: args.cores,
      memory: String(args.memory_mb),
      ostype: args.os_type,
      scsihw: 'virtio-scsi-single',
      scsi0: `${drive},discard=on,iothread=1`,
      ide2: args.iso === undefined ? undefined : `${args.iso},media=cdrom`,
      net0: args.net === undefined ? undefined : `virtio,${netOptions(args.net)}`,
      boot: `order=${boot.join(';')}`,
      agent: args.agent ? '1' : undefined,
      pool: args.pool,
      tags: args.tags?.join(';'),
      onboot: args.onboot || undefined,
      start: args.start || undefined,
      ...(args.cloud_init && { ide0: `${storage}:cloudinit`, ...cloudInitParams(args.cloud_init) }),
    };
    const change = {
      method: 'POST' as const,
      path: route`/nodes/${args.node}/qemu`,
      params,
      secret: ['cipassword'],
      action: `create "${args.name}"`,
      target: `qemu/${number}`,
      guests: [number],
      guest: { vmid: number, type: 'qemu', node: args.node } as const,
      destructive: false,
    };
    return { changes: [change], waitMs: args.wait_seconds * 1000 };
  },
});

/** `pve_create_container`: from a template. */
export const createContainer = defineChange({
  name: 'pve_create_container',
  title: 'Create a Proxmox container',
  description:
    'Creates a container from a template (pve_storage_content with content vztmpl lists those that there are).',
  operation: 'manage_vms',
  effects: ['write'],
  input: z.strictObject({
    ...shared,
    hostname: guestName,
    ostemplate: volid.describe('Volume id of a container template'),
    rootfs: disk,
    swap_mb: z.int().min(0).default(512).describe('MiB'),
    ip: z.string().optional().describe('With net: "dhcp", or an address with its prefix'),
    gateway: z.union([z.ipv4(), z.ipv6()]).optional(),
    ssh_keys: z.array(z.string().regex(/^\S+ \S+( .*)?$/)).optional(),
    unprivileged: z.boolean().default(true),
  }),
  async run(call, args) {
    const number = await newNumber(call, args.vmid);
    const ip = args.ip === undefined ? '' : `,ip=${args.ip}${args.gateway === undefined ? '' : `,gw=${args.gateway}`}`;
    const params = {
      vmid: number,
      hostname: args.hostname,
      ostemplate: args.ostemplate,
      cores: args.cores,
      memory: args.memory_mb,
      swap: args.swap_mb,
      rootfs: `${args.rootfs.storage}:${args.rootfs.size_gb}`,
      net0: args.net === undefined ? undefined : `name=eth0,${netOptions(args.net)}${ip}`,
      'ssh-public-keys': args.ssh_keys?.join('\n'),
      unprivileged: args.unprivileged,
      pool: args.pool,
      tags: args.tags?.join(';'),
      onboot: args.onboot || undefined,
      start: args.start || undefined,
    };
    const change = {
      method: 'POST' as const,
      path: route`/nodes/${args.node}/lxc`,
      params,
      action: `create "${args.hostname}"`,
      target: `lxc/${number}`,
      guests: [number],
      guest: { vmid: number, type: 'lxc', node: args.node } as const,
      destructive: false,
    };
    return { changes: [change], waitMs: args.wait_seconds * 1000 };
  },
});
