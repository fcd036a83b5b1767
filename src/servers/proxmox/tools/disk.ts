import * as z from 'zod';
import { AppError } from '../../../core/errors.ts';
import type { GuestConfig } from '../answers.ts';
import type { GuestRef } from '../guest-ref.ts';
import { basisOf, configOf, findGuest, guestPath, idOf, storageName, vmid } from '../guests.ts';
import { defineChange, waitSeconds } from '../proposal.ts';
import { disksOf } from '../sizes.ts';
import type { Change } from '../tool.ts';
import { bytes } from '../units.ts';

/** `pve_disk`: the disks of a guest. */
export const disk = defineChange({
  name: 'pve_disk',
  title: 'Disks of a Proxmox guest',
  description:
    'Adds a disk, makes one larger, moves one to another storage, detaches one (it stays as an unused disk), or removes one for good.',
  operation: 'manage_vms',
  effects: ['write', 'destructive'],
  input: z.strictObject({
    vmid,
    action: z.enum(['add', 'resize', 'move', 'detach', 'remove']),
    disk: z
      .string()
      .regex(/^((ide|sata|scsi|virtio|mp|unused)\d{1,3}|rootfs)$/)
      .describe('scsi0, virtio1, rootfs, mp0, unused0, ...'),
    size_gb: z.int().min(1).optional().describe('With add its size, with resize its new size, GiB'),
    storage: storageName.optional().describe('With add and move'),
    mount_point: z
      .string()
      .startsWith('/')
      .regex(/^[^,\s]+$/)
      .optional()
      .describe('With add, for a container'),
    delete_source: z
      .boolean()
      .default(false)
      .describe('With move: delete the old copy; else it stays as an unused disk'),
    wait_seconds: waitSeconds,
  }),
  async run(call, args) {
    const guest = await findGuest(call, args.vmid);
    const config = await configOf(call, guest);
    const path = guestPath(guest);
    const base = { target: idOf(guest), guests: [args.vmid], destructive: false, path };
    const changes = [CHANGES[args.action]({ args, guest, config, base, digest: config.digest })];
    return { changes, basis: await basisOf(call, [guest]), waitMs: args.wait_seconds * 1000 };
  },
});

interface Wish {
  readonly args: {
    readonly disk: string;
    readonly size_gb?: number | undefined;
    readonly storage?: string | undefined;
    readonly mount_point?: string | undefined;
    readonly delete_source: boolean;
  };
  readonly guest: GuestRef;
  readonly config: GuestConfig;
  readonly digest: string | undefined;
  readonly base: Pick<Change, 'target' | 'guests' | 'destructive' | 'path'>;
}

const CHANGES: Readonly<Record<'add' | 'resize' | 'move' | 'detach' | 'remove', (wish: Wish) => Change>> = {
  add({ args: { disk: key, size_gb, storage, mount_point }, guest, config, base, digest }) {
    if (!storage || !size_gb) refuse('add needs storage and size_gb');
    if (config[key] !== undefined) refuse(`Guest ${guest.vmid} has a disk ${key} already: ${config[key]}`);
    const container = guest.type === 'lxc';
    if (container && mount_point === undefined) refuse('A container needs mount_point');
    return {
      ...base,
      // For a virtual machine the call that allocates in a task.
      method: container ? 'PUT' : 'POST',
      path: `${base.path}/config`,
      params: { [key]: `${storage}:${size_gb}${container ? `,mp=${mount_point}` : ''}`, digest },
      action: `add ${key} of ${size_gb} GiB on ${storage}`,
    };
  },

  resize({ args: { disk: key, size_gb }, guest, config, base, digest }) {
    volumeOf(key, guest, config);
    if (!size_gb) refuse('resize needs size_gb');
    const now = disksOf(config).get(key) ?? 0;
    if (size_gb * 2 ** 30 <= now) refuse(`${key} has ${bytes(now)}; a disk can only be made larger`);
    const params = { disk: key, size: `${size_gb}G`, digest };
    return { ...base, method: 'PUT', path: `${base.path}/resize`, params, action: `resize ${key} to ${size_gb} GiB` };
  },

  move({ args: { disk: key, storage, delete_source }, guest, config, base, digest }) {
    volumeOf(key, guest, config);
    if (!storage) refuse('move needs storage');
    const [what, name] =
      guest.type === 'qemu' ? (['move_disk', 'disk'] as const) : (['move_volume', 'volume'] as const);
    const params = { [name]: key, storage, delete: delete_source || undefined, digest };
    return {
      ...base,
      method: 'POST',
      path: `${base.path}/${what}`,
      params,
      action: `move ${key} to ${storage}`,
      guest,
    };
  },

  detach({ args: { disk: key }, guest, config, base, digest }) {
    volumeOf(key, guest, config);
    if (key.startsWith('unused')) refuse(`${key} is detached already`);
    const impact = 'the guest does not have it any more; it stays as an unused disk';
    const params = { delete: key, digest };
    return {
      ...base,
      method: 'PUT',
      path: `${base.path}/config`,
      params,
      action: `detach ${key}`,
      destructive: true,
      impact,
    };
  },

  remove({ args: { disk: key }, guest, config, base, digest }) {
    const value = volumeOf(key, guest, config);
    const size = disksOf(config).get(key);
    const impact = `${value}${size === undefined ? '' : ` (${bytes(size)})`} and all that is on it is lost`;
    const removal = { ...base, method: 'PUT' as const, action: `remove ${key}`, destructive: true, impact };
    if (guest.type === 'qemu') return { ...removal, path: `${base.path}/unlink`, params: { idlist: key, force: true } };
    if (!key.startsWith('unused')) refuse(`Detach ${key} first, and remove the unused disk that it becomes`);
    return { ...removal, path: `${base.path}/config`, params: { delete: key, digest } };
  },
};

function volumeOf(key: string, guest: GuestRef, config: GuestConfig): string {
  const value = config[key];
  if (typeof value === 'string') return value;
  return refuse(`Guest ${guest.vmid} has no disk ${key}; it has ${[...disksOf(config).keys()].join(', ') || 'none'}`);
}

function refuse(message: string): never {
  throw new AppError('params.invalid', message);
}
