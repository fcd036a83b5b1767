import * as z from 'zod';
import { AppError } from '../../../core/errors.ts';
import { resources, volumes } from '../answers.ts';
import { globOf } from '../glob.ts';
import { allGuests, basisOf, configOf, guestPath, idOf, storageName, vmids } from '../guests.ts';
import { permitted } from '../permitted.ts';
import { defineChange, dryRun, waitSeconds } from '../proposal.ts';
import { route } from '../route.ts';
import type { Call, Change } from '../tool.ts';
import type { Backup } from './backups.ts';
import { volumeDeletion } from './prune.ts';
import { deletionOf, isOlder, isoOf, snapshotsOfAll } from './snapshots.ts';

/** `pve_cleanup_snapshots`: old snapshots of many guests. */
export const cleanupSnapshots = defineChange({
  name: 'pve_cleanup_snapshots',
  title: 'Clean old Proxmox snapshots up',
  description: 'Deletes snapshots older than so many days, of some guests or of all. Shows first what would go.',
  operation: 'cleanup',
  effects: ['read', 'destructive'],
  input: z.strictObject({
    older_than_days: z.number().min(0).max(36_500),
    keep_last: z.int().min(0).max(1000).default(0).describe('How many of the newest of each guest stay, however old'),
    name_glob: z.string().max(80).optional().describe('Only snapshots with such a name, for example "auto-*"'),
    vmids: vmids.optional(),
    pool: z.string().optional(),
    tag: z.string().optional(),
    dry_run: dryRun,
    wait_seconds: waitSeconds,
  }),
  async run(call, args) {
    const matches = args.name_glob === undefined ? () => true : globOf(args.name_glob);
    const guests = (await allGuests(call)).filter(
      (one) =>
        (args.vmids === undefined || args.vmids.includes(one.vmid)) &&
        (args.pool === undefined || one.pool === args.pool) &&
        (args.tag === undefined || (one.tags ?? []).includes(args.tag)),
    );
    const notes: string[] = [];
    const lists = await snapshotsOfAll(call, guests, notes);
    const old = lists.flatMap((list) => {
      const own = list.filter((one) => matches(one.name));
      const rest = own.slice(0, Math.max(0, own.length - args.keep_last));
      return rest.filter((one) => isOlder(one.time, args.older_than_days, call.clock.now()));
    });
    // Those of one guest one after the other: it is locked meanwhile.
    const changes = old.map((one, index) => ({ ...deletionOf(one), dependent: old[index - 1]?.guest === one.guest }));
    const touched = [...new Set(old.map((one) => one.guest))];
    const basis = args.dry_run ? {} : await basisOf(call, touched);
    return { changes, basis, notes, dryRun: args.dry_run, waitMs: args.wait_seconds * 1000 };
  },
});

const KINDS = ['unused_disks', 'orphan_volumes', 'old_isos', 'stale_templates'] as const;

/** `pve_cleanup_orphans`: what nothing uses any more. */
export const cleanupOrphans = defineChange({
  name: 'pve_cleanup_orphans',
  title: 'Clean unused Proxmox volumes up',
  description:
    'Deletes what nothing uses: disks detached from their guest (unused_disks), images whose guest does not exist (orphan_volumes), old ISO images and container templates. Shows first what would go.',
  operation: 'cleanup',
  effects: ['read', 'destructive'],
  input: z.strictObject({
    kinds: z.array(z.enum(KINDS)).min(1),
    storage: storageName.optional().describe('Only on this storage'),
    older_than_days: z.number().min(0).max(36_500).default(90).describe('For old_isos and stale_templates'),
    dry_run: dryRun,
    wait_seconds: waitSeconds,
  }),
  async run(call, { kinds, storage, older_than_days, dry_run, wait_seconds }) {
    const notes: string[] = [];
    const guests = await allGuests(call);
    const configs = await Promise.all(guests.map(async (guest) => ({ guest, config: await configOf(call, guest) })));
    const used = configs.map(({ config }) => JSON.stringify(config)).join('\n');
    const changes: Change[] = [];
    if (kinds.includes('unused_disks')) {
      for (const { guest, config } of configs) {
        for (const [key, value] of Object.entries(config)) {
          if (!/^unused\d+$/.test(key) || typeof value !== 'string') continue;
          if (storage !== undefined && !value.startsWith(`${storage}:`)) continue;
          changes.push(unusedDisk(guest, key, value));
        }
      }
    }
    for (const one of await volumesOn(call, storage, notes)) {
      const name = one.volid.replace(/^[^:]*:/, '');
      const isOld = isOlder(one.ctime ?? call.clock.now() / 1000, older_than_days, call.clock.now());
      const isUsed = used.includes(one.volid);
      const image = one.content === 'images' || one.content === 'rootdir';
      const ownerless = one.vmid !== undefined && !guests.some((guest) => guest.vmid === one.vmid);
      if (kinds.includes('orphan_volumes') && image && ownerless && !isUsed && !/base-/.test(name))
        changes.push(volumeDeletion(one, 'orphaned image'));
      if (kinds.includes('old_isos') && one.content === 'iso' && isOld && !isUsed)
        changes.push(volumeDeletion(one, 'ISO image'));
      if (kinds.includes('stale_templates') && one.content === 'vztmpl' && isOld)
        changes.push(volumeDeletion(one, 'container template'));
    }
    if (kinds.includes('orphan_volumes')) await assertAllSeen(call);
    notes.push(`Old: created before ${isoOf(call.clock.now() / 1000 - older_than_days * 86_400)}`);
    return { changes, notes, dryRun: dry_run, waitMs: wait_seconds * 1000 };
  },
});

function unusedDisk(guest: Change['guest'] & object, key: string, volume: string): Change {
  const common = {
    action: `delete unused disk ${key} (${volume})`,
    target: idOf(guest),
    guests: [guest.vmid],
    guest,
    destructive: true,
    impact: `${volume} and what is on it is lost`,
  };
  return guest.type === 'qemu'
    ? { ...common, method: 'PUT', path: `${guestPath(guest)}/unlink`, params: { idlist: key, force: true } }
    : { ...common, method: 'PUT', path: `${guestPath(guest)}/config`, params: { delete: key } };
}

/** An image looks ownerless to a login that may not see its guest. */
async function assertAllSeen(call: Call): Promise<void> {
  const granted = await call.get('/access/permissions?path=/vms', permissions);
  if (granted['/vms']?.['VM.Audit'] !== undefined) return;
  throw new AppError(
    'params.invalid',
    'orphan_volumes needs a login with VM.Audit on /vms: an image whose guest it may not see would look orphaned',
  );
}
const permissions = z.record(z.string(), z.record(z.string(), z.unknown()));

async function volumesOn(call: Call, storage: string | undefined, notes: string[]): Promise<Backup[]> {
  const seen = new Map<string, { node: string; storage: string }>();
  for (const one of await call.get('/cluster/resources?type=storage', resources)) {
    if (!one.node || !one.storage || (storage !== undefined && one.storage !== storage)) continue;
    const key = one.shared ? one.storage : one.id;
    if (one.status === 'available' && !seen.has(key)) seen.set(key, { node: one.node, storage: one.storage });
  }
  const lists = await Promise.all(
    [...seen.values()].map(async ({ node, storage: name }) => {
      const found = await permitted(call, route`/nodes/${node}/storage/${name}/content`, volumes, notes);
      return (found ?? []).map((one) => ({ ...one, node }));
    }),
  );
  return lists.flat();
}
