import * as z from 'zod';
import { AppError } from '../../../core/errors.ts';
import { basisOf, configOf, findGuest, guestPath, idOf, vmid } from '../guests.ts';
import { defineChange } from '../proposal.ts';
import { netOptions } from './create.ts';

/** Keys by which disks would come or go unseen: pve_disk knows what they take, and what is lost. */
const DISKS = /^((ide|sata|scsi|virtio|mp|unused)\d+|rootfs|efidisk0|tpmstate0)$/;
/** Settings that reach beyond the guest, or that Proxmox keeps for root. */
const RESERVED = /^(args|hookscript|hostpci\d+|lock|dev\d+|lxc.*|digest|delete|revert|skiplock|force)$/;

/** `pve_update_config`: settings of a guest. */
export const updateConfig = defineChange({
  name: 'pve_update_config',
  title: 'Change the configuration of a Proxmox guest',
  description:
    'Sets or deletes settings of a guest: cores, memory, name or hostname, description, tags, onboot, agent, protection, ... Disks have pve_disk, network devices pve_network_device. Some settings wait for the next start.',
  operation: 'manage_vms',
  effects: ['write'],
  idempotent: true,
  input: z.strictObject({
    vmid,
    set: z.record(z.string().regex(/^[a-z][a-z0-9_-]*$/), z.union([z.string(), z.number(), z.boolean()])).default({}),
    delete: z
      .array(z.string().regex(/^[a-z][a-z0-9_-]*$/))
      .default([])
      .describe('Settings that get their default back'),
    digest: z.string().optional().describe('Of pve_guest_config: refused if the configuration has changed since'),
  }),
  async run(call, { vmid: number, set, delete: gone, digest: wanted }) {
    const guest = await findGuest(call, number);
    const keys = [...Object.keys(set), ...gone];
    if (keys.length === 0) throw new AppError('params.invalid', 'set and delete are empty: nothing is to be changed');
    // An empty drive for cloud-init or CD-ROMs takes nothing.
    const isDrive = (key: string) => /:cloudinit(,|$)|media=cdrom/.test(String(set[key] ?? ''));
    const disk = keys.find((key) => DISKS.test(key) && !isDrive(key));
    if (disk !== undefined) throw new AppError('params.invalid', `${disk} is a disk: pve_disk changes those`);
    const net = keys.find((key) => /^net\d+$/.test(key));
    if (net !== undefined)
      throw new AppError('params.invalid', `${net} is a network device: pve_network_device changes those`);
    const reserved = keys.find((key) => RESERVED.test(key));
    if (reserved !== undefined)
      throw new AppError(
        'params.invalid',
        `${reserved} cannot be set here: it reaches beyond the guest, or is Proxmox's own`,
      );
    const { digest } = await configOf(call, guest);
    if (wanted !== undefined && digest !== undefined && wanted !== digest)
      throw new AppError(
        'params.invalid',
        'The configuration has changed since its digest was read; look at it again with pve_guest_config',
      );
    const change = {
      method: 'PUT' as const,
      path: `${guestPath(guest)}/config`,
      params: { ...set, delete: gone.join(',') || undefined, digest },
      secret: ['cipassword', 'password'],
      action: `set ${keys.join(', ')}`,
      target: idOf(guest),
      guests: [number],
      destructive: false,
    };
    return { changes: [change] };
  },
});

/** `pve_network_device`: adds, changes or removes one. */
export const networkDevice = defineChange({
  name: 'pve_network_device',
  title: 'Network device of a Proxmox guest',
  description:
    'Adds, updates or removes a network device of a guest. An update keeps its MAC address and what is not named.',
  operation: 'manage_vms',
  effects: ['write', 'destructive'],
  input: z.strictObject({
    vmid,
    action: z.enum(['add', 'update', 'remove']),
    id: z.int().min(0).max(31).describe('0 is net0'),
    bridge: z
      .string()
      .regex(/^[A-Za-z][A-Za-z0-9_.-]{0,14}$/)
      .optional(),
    vlan: z.int().min(1).max(4094).optional(),
    model: z
      .enum(['virtio', 'e1000', 'e1000e', 'rtl8139', 'vmxnet3'])
      .default('virtio')
      .describe('Virtual machines only'),
    firewall: z.boolean().default(true),
  }),
  async run(call, { vmid: number, action, id, bridge, vlan, model, firewall }) {
    const guest = await findGuest(call, number);
    const { digest, ...config } = await configOf(call, guest);
    const key = `net${id}`;
    const old = config[key];
    const base = { method: 'PUT' as const, path: `${guestPath(guest)}/config`, target: idOf(guest), guests: [number] };
    if (action === 'add' && old !== undefined)
      throw new AppError('params.invalid', `${key} is there already (${old}): use action update`);
    if (action !== 'add' && typeof old !== 'string')
      throw new AppError('params.invalid', `Guest ${number} has no ${key}`);
    if (action === 'remove') {
      const impact = `the guest is cut off from what it reaches by ${key}`;
      return {
        changes: [{ ...base, params: { delete: key, digest }, action: `remove ${key}`, destructive: true, impact }],
        basis: await basisOf(call, [guest]),
      };
    }
    if (action === 'add') {
      if (bridge === undefined) throw new AppError('params.invalid', 'bridge is missing');
      const head = guest.type === 'qemu' ? model : `name=eth${id}`;
      return {
        changes: [
          {
            ...base,
            params: { [key]: `${head},${netOptions({ bridge, vlan, firewall })}`, digest },
            action: `add ${key}`,
            destructive: false,
          },
        ],
      };
    }
    const wanted: Record<string, string | undefined> = {
      bridge,
      tag: vlan?.toString(),
      firewall: firewall ? '1' : '0',
    };
    const kept = String(old)
      .split(',')
      .filter((part) => wanted[part.replace(/=.*$/s, '')] === undefined);
    const added = Object.entries(wanted).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]));
    return {
      changes: [
        {
          ...base,
          params: { [key]: [...kept, ...added].join(','), digest },
          action: `update ${key}`,
          destructive: false,
        },
      ],
    };
  },
});
