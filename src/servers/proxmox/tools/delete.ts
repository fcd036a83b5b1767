import * as z from 'zod';
import { AppError } from '../../../core/errors.ts';
import { basisOf, configOf, findGuests, guestPath, idOf, storageName, vmids } from '../guests.ts';
import { defineChange, waitSeconds } from '../proposal.ts';
import { disksOf } from '../sizes.ts';
import type { Change } from '../tool.ts';
import { bytes } from '../units.ts';
import { backupOf } from './backups.ts';

/** `pve_delete_guest`: guests and their disks. */
export const deleteGuest = defineChange({
  name: 'pve_delete_guest',
  title: 'Delete Proxmox guests',
  description:
    'Deletes stopped guests with their disks and snapshots. Backups stay. With backup_to each is backed up first, and kept if that fails.',
  operation: 'manage_vms',
  effects: ['destructive'],
  input: z.strictObject({
    vmids,
    purge: z.boolean().default(false).describe('Also from backup jobs, replication and high availability'),
    destroy_unreferenced: z
      .boolean()
      .default(false)
      .describe('Also disks with its number that its configuration does not name'),
    backup_to: storageName.optional().describe('Storage for a last backup'),
    wait_seconds: waitSeconds,
  }),
  async run(call, { vmids: numbers, purge, destroy_unreferenced, backup_to, wait_seconds }) {
    const guests = await findGuests(call, numbers);
    const running = guests.filter((one) => one.status === 'running');
    if (running.length > 0)
      throw new AppError(
        'params.invalid',
        `Guests ${running.map((one) => one.vmid).join(', ')} run. Stop them first with pve_power`,
      );
    if (backup_to !== undefined && wait_seconds === 0)
      throw new AppError('params.invalid', 'With backup_to the backup must be waited for: set wait_seconds');
    const configs = await Promise.all(guests.map((guest) => configOf(call, guest)));
    const changes = guests.flatMap((guest, index): Change[] => {
      const sizes = [...disksOf(configs[index] ?? {}).values()].reduce((sum, size) => sum + size, 0);
      const removal: Change = {
        method: 'DELETE',
        path: guestPath(guest),
        params: { purge: purge || undefined, 'destroy-unreferenced-disks': destroy_unreferenced },
        action: `delete${guest.name === undefined ? '' : ` "${guest.name}"`}`,
        target: idOf(guest),
        guests: [guest.vmid],
        destructive: true,
        impact: `the guest, its snapshots and its disks (${bytes(sizes)}) are lost`,
        dependent: backup_to !== undefined,
      };
      if (backup_to === undefined) return [removal];
      return [backupOf(guest, { storage: backup_to, mode: 'snapshot', compress: 'zstd', protected: false }), removal];
    });
    return { changes, basis: await basisOf(call, guests), waitMs: wait_seconds * 1000 };
  },
});
