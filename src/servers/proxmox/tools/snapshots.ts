import * as z from 'zod';
import { AppError } from '../../../core/errors.ts';
import { snapshots as answer } from '../answers.ts';
import type { GuestRef } from '../guest-ref.ts';
import { allGuests, basisOf, findGuest, findGuests, guestPath, idOf, vmid, vmids } from '../guests.ts';
import { defineChange, waitSeconds } from '../proposal.ts';
import { PveError } from '../pve-error.ts';
import { route } from '../route.ts';
import { type Call, type Change, defineTool, fromServer } from '../tool.ts';

/** PVE: a letter, then letters, digits, `_` and `-`; 40 at most. `current` is where the guest is now. */
export const snapshotName = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9_-]{1,39}$/)
  .refine((name) => name !== 'current', '"current" is reserved')
  .describe('Name of a snapshot');

const DAY_S = 86_400;

export interface Snapshot {
  readonly guest: GuestRef & { readonly name?: string | undefined };
  readonly name: string;
  /** Seconds since the epoch. */
  readonly time: number;
  readonly description: string | undefined;
  readonly parent: string | undefined;
  readonly ram: boolean;
}

/** Snapshots of a guest, oldest first, without the entry for its present. */
async function snapshotsOf(call: Call, guest: Snapshot['guest']): Promise<Snapshot[]> {
  const all = await call.get(`${guestPath(guest)}/snapshot`, answer);
  return all
    .filter((one) => one.name !== 'current')
    .map(({ name, snaptime, description, parent, vmstate }) => ({
      guest,
      name,
      time: snaptime ?? 0,
      description: description?.trim(),
      parent,
      ram: vmstate ?? false,
    }))
    .sort((a, b) => a.time - b.time);
}

/** Snapshots of many guests; those of a guest that cannot be asked are left out, with a note. */
export async function snapshotsOfAll(
  call: Call,
  guests: readonly Snapshot['guest'][],
  notes: string[],
): Promise<readonly Snapshot[][]> {
  return await Promise.all(
    guests.map((guest) =>
      snapshotsOf(call, guest).catch((error: unknown) => {
        if (!(error instanceof PveError && error.pveStatus !== undefined && error.pveStatus !== 401)) throw error;
        notes.push(`${idOf(guest)}: ${error.message}`);
        return [];
      }),
    ),
  );
}

export const isOlder = (time: number, days: number, nowMs: number): boolean => time < nowMs / 1000 - days * DAY_S;
export const isoOf = (seconds: number): string => new Date(seconds * 1000).toISOString();

/** `pve_list_snapshots`: of one guest, or of all. */
export const listSnapshots = defineTool({
  name: 'pve_list_snapshots',
  title: 'List Proxmox snapshots',
  description: 'Snapshots of one guest, or of all guests without vmid.',
  operation: 'monitor',
  input: z.strictObject({ vmid: vmid.optional(), older_than_days: z.number().min(0).optional() }),
  output: z.object({
    ...fromServer,
    snapshots: z.array(
      z.object({
        vmid: z.number(),
        name: z.string(),
        created: z.string(),
        description: z.string().optional(),
        parent: z.string().optional(),
        with_ram: z.boolean(),
      }),
    ),
    notes: z.array(z.string()).describe('Guests that could not be asked'),
  }),
  async run(call, { vmid: number, older_than_days: days = 0 }) {
    const guests = number === undefined ? await allGuests(call) : [await findGuest(call, number)];
    const notes: string[] = [];
    const all = (await snapshotsOfAll(call, guests, notes)).flat();
    const snapshots = all
      .filter((one) => days === 0 || isOlder(one.time, days, call.clock.now()))
      .map(({ guest, name, time, description, parent, ram }) => ({
        vmid: guest.vmid,
        name,
        created: isoOf(time),
        description,
        parent,
        with_ram: ram,
      }));
    const lines = snapshots.map((one) => `${one.vmid} ${one.name} of ${one.created}`);
    const text = [...(lines.length > 0 ? lines : ['No snapshots']), ...notes].join('\n');
    return { structured: { server: call.server, snapshots, notes }, text };
  },
});

/** `pve_create_snapshot`: of one or several guests. */
export const createSnapshot = defineChange({
  name: 'pve_create_snapshot',
  title: 'Take snapshots of Proxmox guests',
  description: 'Takes a snapshot of each guest and waits for it.',
  operation: 'snapshot',
  effects: ['write'],
  input: z.strictObject({
    vmids,
    name: snapshotName,
    description: z.string().max(8192).optional(),
    include_ram: z.boolean().default(false).describe('Also the memory of a running virtual machine'),
    wait_seconds: waitSeconds,
  }),
  async run(call, { vmids: numbers, name, description, include_ram, wait_seconds }) {
    const guests = await findGuests(call, numbers);
    const changes = guests.map((guest) => ({
      method: 'POST' as const,
      path: `${guestPath(guest)}/snapshot`,
      params: { snapname: name, description, ...(guest.type === 'qemu' && include_ram && { vmstate: true }) },
      action: `take snapshot "${name}"`,
      target: idOf(guest),
      guests: [guest.vmid],
      guest,
      destructive: false,
    }));
    return { changes, waitMs: wait_seconds * 1000 };
  },
});

async function theSnapshot(call: Call, number: number, name: string): Promise<Snapshot> {
  const guest = await findGuest(call, number);
  const all = await snapshotsOf(call, guest);
  const found = all.find((one) => one.name === name);
  if (found) return found;
  const names = all.map((one) => one.name).join(', ') || 'none';
  throw new AppError('params.invalid', `Guest ${number} has no snapshot "${name}"; it has: ${names}`);
}

/** `pve_rollback_snapshot`: takes a guest back. */
export const rollbackSnapshot = defineChange({
  name: 'pve_rollback_snapshot',
  title: 'Roll a Proxmox guest back',
  description: 'Takes a guest back to a snapshot. All that happened since is lost.',
  operation: 'snapshot',
  effects: ['destructive'],
  input: z.strictObject({
    vmid,
    name: snapshotName,
    start: z.boolean().default(false).describe('Start it afterwards'),
    wait_seconds: waitSeconds,
  }),
  async run(call, { vmid: number, name, start, wait_seconds }) {
    const { guest, time } = await theSnapshot(call, number, name);
    const change = {
      method: 'POST' as const,
      path: `${guestPath(guest)}${route`/snapshot/${name}/rollback`}`,
      params: { start: start || undefined },
      action: `roll back to snapshot "${name}"`,
      target: idOf(guest),
      guests: [number],
      guest,
      destructive: true,
      impact: `everything since ${isoOf(time)} is lost`,
    };
    return { changes: [change], basis: await basisOf(call, [guest]), waitMs: wait_seconds * 1000 };
  },
});

/** The deletion of a snapshot. */
export function deletionOf({ guest, name, time }: Snapshot, force = false): Change {
  return {
    method: 'DELETE',
    path: `${guestPath(guest)}${route`/snapshot/${name}`}`,
    params: { force: force || undefined },
    action: `delete snapshot "${name}"`,
    target: idOf(guest),
    guests: [guest.vmid],
    guest,
    destructive: true,
    impact: `the guest cannot go back to ${isoOf(time)} any more`,
  };
}

/** `pve_delete_snapshot`: one snapshot. */
export const deleteSnapshot = defineChange({
  name: 'pve_delete_snapshot',
  title: 'Delete a Proxmox snapshot',
  description: 'Deletes one snapshot of a guest. The guest itself stays as it is.',
  operation: 'snapshot',
  effects: ['destructive'],
  input: z.strictObject({
    vmid,
    name: snapshotName,
    force: z.boolean().default(false).describe('Forget it even if its storage cannot delete it'),
    wait_seconds: waitSeconds,
  }),
  async run(call, { vmid: number, name, force, wait_seconds }) {
    const snapshot = await theSnapshot(call, number, name);
    const basis = await basisOf(call, [snapshot.guest]);
    return { changes: [deletionOf(snapshot, force)], basis, waitMs: wait_seconds * 1000 };
  },
});
