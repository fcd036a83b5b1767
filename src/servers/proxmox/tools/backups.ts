import * as z from 'zod';
import { AppError } from '../../../core/errors.ts';
import { backupJobs, resources, type Volume, volumes } from '../answers.ts';
import type { GuestRef } from '../guest-ref.ts';
import { findGuests, idOf, storageName, vmid, vmids } from '../guests.ts';
import { permitted } from '../permitted.ts';
import { defineChange, waitSeconds } from '../proposal.ts';
import { route, withQuery } from '../route.ts';
import { configIn, disksOf } from '../sizes.ts';
import { type Call, defineTool, fromServer } from '../tool.ts';
import { bytes } from '../units.ts';
import { isOlder } from './snapshots.ts';
import { nodeOfStorage, shownVolume, volumeView } from './storage.ts';

export const volid = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9._-]*:\S+$/, 'is no volume id STORAGE:NAME')
  .describe('Volume id; pve_list_backups lists those of backups');

/** A backup, and a node from which it can be reached. */
export interface Backup extends Volume {
  readonly node: string;
}

/** Path of a volume below `/api2/json`. */
export function volumePath(node: string, id: string): string {
  return route`/nodes/${node}/storage/${id.replace(/:.*$/s, '')}/content/${id}`;
}

/** Backups on one storage, or on all that may hold them. */
async function backupsOn(
  call: Call,
  storage: string | undefined,
  number: number | undefined,
  notes: string[],
): Promise<Backup[]> {
  const seen = new Map<string, string>();
  for (const one of await call.get('/cluster/resources?type=storage', resources)) {
    const wanted = storage === undefined ? one.content?.includes('backup') : one.storage === storage;
    const key = one.shared ? one.storage : one.id;
    if (wanted && one.node && one.storage && key && one.status === 'available' && !seen.has(key))
      seen.set(key, `${one.node}/${one.storage}`);
  }
  if (storage !== undefined && seen.size === 0) await nodeOfStorage(call, storage);
  const lists = await Promise.all(
    [...seen.values()].map(async (place) => {
      const [node = '', name = ''] = place.split('/');
      const path = withQuery(route`/nodes/${node}/storage/${name}/content`, { content: 'backup', vmid: number });
      return ((await permitted(call, path, volumes, notes)) ?? []).map((one) => ({ ...one, node }));
    }),
  );
  return lists.flat().sort((a, b) => (a.ctime ?? 0) - (b.ctime ?? 0));
}

/** @throws AppError `params.invalid` that names each backup that is not there */
export async function findBackups(call: Call, ids: readonly string[]): Promise<Backup[]> {
  const names = new Set(ids.map((id) => id.replace(/:.*$/s, '')));
  const all = new Map<string, Backup>();
  for (const name of names) for (const one of await backupsOn(call, name, undefined, [])) all.set(one.volid, one);
  const missing = ids.filter((id) => !all.has(id));
  if (missing.length === 0) return [...new Set(ids)].map((id) => all.get(id) as Backup);
  throw new AppError('params.invalid', `There is no backup ${missing.join(', ')}. pve_list_backups lists them`);
}

/** `pve_list_backups`: what could be restored, and what is backed up when. */
export const listBackups = defineTool({
  name: 'pve_list_backups',
  title: 'List Proxmox backups',
  description: 'Backups on the storages, oldest first, and the jobs that make them.',
  operation: 'monitor',
  input: z.strictObject({
    storage: storageName.optional(),
    vmid: vmid.optional(),
    older_than_days: z.number().min(0).optional(),
  }),
  output: z.object({
    ...fromServer,
    backups: z.array(volumeView),
    jobs: z.array(z.record(z.string(), z.unknown())).optional(),
    notes: z.array(z.string()).describe('What this login may not see'),
  }),
  async run(call, { storage, vmid: number, older_than_days: days = 0 }) {
    const notes: string[] = [];
    const [all, jobs] = await Promise.all([
      backupsOn(call, storage, number, notes),
      permitted(call, '/cluster/backup', backupJobs, notes),
    ]);
    const backups = all.filter((one) => days === 0 || isOlder(one.ctime ?? 0, days, call.clock.now())).map(shownVolume);
    const lines = backups.map(
      (one) => `${one.volid}, ${bytes(one.size_bytes ?? 0)}, ${one.created}${one.protected ? ', protected' : ''}`,
    );
    return {
      structured: { server: call.server, backups, jobs, notes },
      text: [...lines, `${jobs?.length ?? '?'} jobs`, ...notes].join('\n'),
    };
  },
});

/** `pve_create_backup`: now, of one or several guests. */
export const createBackup = defineChange({
  name: 'pve_create_backup',
  title: 'Back Proxmox guests up',
  description: 'Makes a backup of each guest now, and waits for it. Mode stop shuts the guest down meanwhile.',
  operation: 'backup',
  effects: ['write', 'destructive'],
  input: z.strictObject({
    vmids,
    storage: storageName,
    mode: z.enum(['snapshot', 'suspend', 'stop']).default('snapshot'),
    compress: z.enum(['0', 'gzip', 'lzo', 'zstd']).default('zstd'),
    notes: z.string().max(1024).optional(),
    protected: z.boolean().default(false).describe('It cannot be deleted before it is unprotected'),
    wait_seconds: waitSeconds,
  }),
  async run(call, { vmids: numbers, wait_seconds, ...options }) {
    const guests = await findGuests(call, numbers);
    const changes = guests.map((guest) => backupOf(guest, options));
    const basis = Object.fromEntries(guests.map((one) => [idOf(one), `${one.node} ${one.status}`]));
    return { changes, waitMs: wait_seconds * 1000, basis };
  },
});

/** A backup of a guest, made now. */
export function backupOf(
  guest: GuestRef,
  {
    storage,
    mode,
    compress,
    notes,
    ...rest
  }: { storage: string; mode: string; compress: string; notes?: string | undefined; protected: boolean },
) {
  return {
    method: 'POST' as const,
    path: route`/nodes/${guest.node}/vzdump`,
    params: {
      vmid: guest.vmid,
      storage,
      mode,
      compress,
      'notes-template': notes,
      protected: rest.protected || undefined,
    },
    action: `back up to ${storage}`,
    target: idOf(guest),
    guests: [guest.vmid],
    guest,
    destructive: mode !== 'snapshot',
    ...(mode !== 'snapshot' && { impact: `the guest does not work while it is backed up (mode ${mode})` }),
  };
}

/** `pve_verify_backup`: whether a backup can be read, and what is in it. */
export const verifyBackup = defineTool({
  name: 'pve_verify_backup',
  title: 'Look into a Proxmox backup',
  description:
    'Reads the configuration out of a backup, and says what Proxmox Backup Server found when it verified it.',
  operation: 'backup',
  input: z.strictObject({ volid }),
  output: z.object({
    ...fromServer,
    backup: volumeView,
    config: z.record(z.string(), z.string()),
    disks_bytes: z.record(z.string(), z.number()),
  }),
  async run(call, { volid: id }) {
    const [found] = await findBackups(call, [id]);
    const { node, ...rest } = found as Backup;
    const path = withQuery(route`/nodes/${node}/vzdump/extractconfig`, { volume: id });
    const config = configIn(await call.get(path, z.string()));
    const disks = Object.fromEntries(disksOf(config));
    const backup = shownVolume(rest);
    const text = `${id} can be read: ${config.name ?? config.hostname ?? 'no name'}, disks ${Object.entries(disks)
      .map(([key, size]) => `${key} ${bytes(size)}`)
      .join(', ')}; verified: ${backup.verified ?? 'not by Proxmox Backup Server'}`;
    return { structured: { server: call.server, backup, config, disks_bytes: disks }, text };
  },
});

/** `pve_protect_backup`: keeps a backup from being deleted, or not any more. */
export const protectBackup = defineChange({
  name: 'pve_protect_backup',
  title: 'Protect a Proxmox backup',
  description: 'Protects a backup from deletion or takes the protection away, and sets its notes.',
  operation: 'backup',
  effects: ['write'],
  idempotent: true,
  input: z.strictObject({ volid, protected: z.boolean(), notes: z.string().max(1024).optional() }),
  async run(call, { volid: id, notes, ...rest }) {
    const [backup] = await findBackups(call, [id]);
    const change = {
      method: 'PUT' as const,
      path: volumePath((backup as Backup).node, id),
      params: { protected: rest.protected, notes },
      action: rest.protected ? 'protect' : 'take the protection away',
      target: id,
      guests: [],
      destructive: false,
    };
    return { changes: [change] };
  },
});
