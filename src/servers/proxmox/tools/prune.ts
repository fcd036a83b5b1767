import * as z from 'zod';
import { pruneMarks } from '../answers.ts';
import { storageName, vmid } from '../guests.ts';
import { defineChange, dryRun, waitSeconds } from '../proposal.ts';
import { route, withQuery } from '../route.ts';
import type { Change } from '../tool.ts';
import { bytes } from '../units.ts';
import { type Backup, findBackups, volid, volumePath } from './backups.ts';
import { nodeOfStorage } from './storage.ts';

/** The deletion of a volume. */
export function volumeDeletion(
  { volid: id, node, size, vmid: number, ctime }: Pick<Backup, 'volid' | 'node' | 'size' | 'vmid' | 'ctime'>,
  what: string,
): Change {
  const from = ctime === undefined ? '' : ` of ${new Date(ctime * 1000).toISOString()}`;
  return {
    method: 'DELETE',
    path: volumePath(node, id),
    action: `delete ${what}`,
    target: id,
    guests: number === undefined ? [] : [number],
    destructive: true,
    impact: `${what}${from}, ${bytes(size ?? 0)}, is lost`,
  };
}

/** `pve_delete_backup`: the backups that are named. */
export const deleteBackup = defineChange({
  name: 'pve_delete_backup',
  title: 'Delete Proxmox backups',
  description: 'Deletes backups by their volume ids. Protected ones are left, and said so.',
  operation: 'cleanup',
  effects: ['destructive'],
  input: z.strictObject({ volids: z.array(volid).min(1).max(200), wait_seconds: waitSeconds }),
  async run(call, { volids, wait_seconds }) {
    const found = await findBackups(call, volids);
    const kept = found.filter((one) => one.protected);
    const changes = found.filter((one) => !one.protected).map((one) => volumeDeletion(one, 'backup'));
    const notes = kept.map((one) => `${one.volid} is protected and stays; pve_protect_backup can change that`);
    return { changes, notes, waitMs: wait_seconds * 1000 };
  },
});

const count = z.int().min(0).max(10_000).optional();

/** `pve_prune_backups`: those that a schedule of keeping does not keep. */
export const pruneBackups = defineChange({
  name: 'pve_prune_backups',
  title: 'Prune Proxmox backups',
  description:
    'Deletes the backups on a storage that are not to be kept. Proxmox itself says which; protected ones always stay.',
  operation: 'cleanup',
  effects: ['read', 'destructive'],
  input: z.strictObject({
    storage: storageName,
    keep: z
      .strictObject({ last: count, hourly: count, daily: count, weekly: count, monthly: count, yearly: count })
      .refine((keep) => Object.values(keep).some((value) => (value ?? 0) > 0), 'keeps nothing; name at least one')
      .describe('How many to keep of each kind, of each guest'),
    vmid: vmid.optional().describe('Only of this guest'),
    dry_run: dryRun,
    wait_seconds: waitSeconds,
  }),
  async run(call, { storage, keep, vmid: number, dry_run, wait_seconds }) {
    const node = await nodeOfStorage(call, storage);
    const entries = Object.entries(keep).filter(([, value]) => value !== undefined);
    const rule = entries.map(([kind, value]) => `keep-${kind}=${value}`).join(',');
    const path = withQuery(route`/nodes/${node}/storage/${storage}/prunebackups`, {
      'prune-backups': rule,
      vmid: number,
    });
    const marks = await call.get(path, pruneMarks);
    const changes = marks
      .filter((one) => one.mark === 'remove')
      .map((one) => volumeDeletion({ ...one, node, size: undefined }, 'backup'));
    const notes = [`${marks.length - changes.length} backups stay`];
    return { changes, notes, dryRun: dry_run, waitMs: wait_seconds * 1000 };
  },
});
