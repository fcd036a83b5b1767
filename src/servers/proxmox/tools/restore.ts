import * as z from 'zod';
import { AppError } from '../../../core/errors.ts';
import { resources } from '../answers.ts';
import { nodeName, storageName, vmid } from '../guests.ts';
import { defineChange, waitSeconds } from '../proposal.ts';
import { route } from '../route.ts';
import { backupSize } from '../sizes.ts';
import { bytes } from '../units.ts';
import { type Backup, findBackups, volid } from './backups.ts';

/** `pve_restore_backup`: a guest from a backup, new or in place of one. */
export const restoreBackup = defineChange({
  name: 'pve_restore_backup',
  title: 'Restore a Proxmox backup',
  description:
    'Makes a guest from a backup. With overwrite it takes the place of the guest that has this number, which must be stopped.',
  operation: 'backup',
  effects: ['write', 'destructive'],
  input: z.strictObject({
    volid,
    node: nodeName.describe('Where the guest shall be'),
    vmid: vmid.describe('Number that the guest shall have'),
    storage: storageName.optional().describe('Where its disks shall be; where they were if absent'),
    overwrite: z.boolean().default(false),
    unique: z.boolean().default(false).describe('New MAC addresses'),
    wait_seconds: waitSeconds,
  }),
  async run(call, { volid: id, node, vmid: number, storage, overwrite, unique, wait_seconds }) {
    const [backup] = await findBackups(call, [id]);
    const { subtype } = backup as Backup;
    const type = subtype === 'lxc' || /vzdump-lxc-|[/:]ct\//.test(id) ? 'lxc' : 'qemu';
    const all = await call.get('/cluster/resources?type=vm', resources);
    const old = all.find((one) => one.vmid === number);
    if (old && !overwrite)
      throw new AppError(
        'params.invalid',
        `There is a guest ${number} (${old.name ?? old.id}). Choose another number, or set overwrite to lose what is in it`,
      );
    if (old && (old.node !== node || old.type !== type))
      throw new AppError(
        'params.invalid',
        `Guest ${number} is ${old.id} on ${old.node}; only a ${type} guest on ${node} can be overwritten`,
      );
    const size = await backupSize(call, node, id);
    const common = { vmid: number, storage, unique: unique || undefined, force: old ? true : undefined };
    const change = {
      method: 'POST' as const,
      path: route`/nodes/${node}/${type}`,
      params: type === 'qemu' ? { ...common, archive: id } : { ...common, ostemplate: id, restore: true },
      action: `restore ${id} (${bytes(size)})`,
      target: `${type}/${number}`,
      guests: [number],
      guest: { vmid: number, type, node } as const,
      destructive: old !== undefined,
      ...(old && { impact: `guest ${number} (${old.name ?? old.id}, ${old.status}) and all its disks are replaced` }),
    };
    return {
      changes: [change],
      basis: { old: old ? `${old.id} ${old.node} ${old.status}` : '' },
      waitMs: wait_seconds * 1000,
    };
  },
});
