import * as z from 'zod';
import { AppError } from '../../../core/errors.ts';
import { migratePreconditions } from '../answers.ts';
import { basisOf, findGuest, guestPath, idOf, nodeName, storageName, vmid } from '../guests.ts';
import { defineChange, waitSeconds } from '../proposal.ts';
import { withQuery } from '../route.ts';

/** `pve_migrate_guest`: to another node. */
export const migrateGuest = defineChange({
  name: 'pve_migrate_guest',
  title: 'Migrate a Proxmox guest',
  description:
    'Moves a guest to another node. A running virtual machine moves while it runs; a running container is restarted.',
  operation: 'manage_vms',
  effects: ['destructive'],
  input: z.strictObject({
    vmid,
    target: nodeName,
    online: z.boolean().default(true).describe('Of a running guest'),
    with_local_disks: z.boolean().default(false).describe('Also disks that are on no shared storage'),
    targetstorage: storageName.optional(),
    wait_seconds: waitSeconds,
  }),
  async run(call, { vmid: number, target, online, with_local_disks, targetstorage, wait_seconds }) {
    const guest = await findGuest(call, number);
    if (guest.node === target) return { changes: [], notes: [`${idOf(guest)} is on ${target} already`] };
    const path = `${guestPath(guest)}/migrate`;
    const conditions = await call.get(withQuery(path, { target }), migratePreconditions);
    const local = conditions.local_disks?.map((one) => one.volid).filter((one) => one !== undefined) ?? [];
    if (guest.type === 'qemu' && local.length > 0 && !with_local_disks)
      throw new AppError(
        'params.invalid',
        `It has disks on no shared storage (${local.join(', ')}): set with_local_disks to copy them`,
      );
    const running = guest.status === 'running';
    const params =
      guest.type === 'qemu'
        ? {
            target,
            online: (running && online) || undefined,
            'with-local-disks': with_local_disks || undefined,
            targetstorage,
          }
        : { target, restart: running || undefined, 'target-storage': targetstorage };
    const change = {
      method: 'POST' as const,
      path,
      params,
      action: `migrate to ${target}`,
      target: idOf(guest),
      guests: [number],
      guest: { vmid: number, type: guest.type, node: target },
      destructive: true,
      impact:
        running && guest.type === 'lxc'
          ? 'the container is stopped and started again'
          : 'it is slower meanwhile, and may pause for a moment',
    };
    return { changes: [change], basis: await basisOf(call, [guest]), waitMs: wait_seconds * 1000 };
  },
});
