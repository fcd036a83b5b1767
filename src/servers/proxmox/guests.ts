import { createHash } from 'node:crypto';
import * as z from 'zod';
import { AppError } from '../../core/errors.ts';
import { config, type GuestConfig, guestStatus, type Resource, resources } from './answers.ts';
import type { GuestRef } from './guest-ref.ts';
import { route } from './route.ts';
import type { Call } from './tool.ts';

export const vmid = z.int().min(100).max(999_999_999).describe('Number of the guest; pve_list_resources lists them');
export const vmids = z.array(vmid).min(1).max(100).describe('Numbers of the guests');
export const nodeName = z
  .string()
  .regex(/^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?$/)
  .describe('Name of a node');
export const storageName = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9._-]*$/)
  .describe('Name of a storage');

/** Every guest that this login may see. */
export async function allGuests(call: Call): Promise<(Resource & GuestRef)[]> {
  const all = await call.get('/cluster/resources?type=vm', resources);
  return all.filter((one): one is Resource & GuestRef => isGuest(one));
}

function isGuest({ vmid: number, node, type }: Resource): boolean {
  return number !== undefined && node !== undefined && (type === 'qemu' || type === 'lxc');
}

/** @throws AppError `params.invalid` that names each guest that is not there */
export async function findGuests(call: Call, numbers: readonly number[]): Promise<(Resource & GuestRef)[]> {
  const all = new Map((await allGuests(call)).map((one) => [one.vmid, one]));
  const missing = numbers.filter((number) => !all.has(number));
  if (missing.length > 0) {
    throw new AppError(
      'params.invalid',
      `Proxmox server "${call.server}" shows no guest ${missing.join(', ')}. Look for it with pve_list_resources; a guest on which this login has no VM.Audit is not shown`,
    );
  }
  return [...new Set(numbers)].map((number) => all.get(number) as Resource & GuestRef);
}

export async function findGuest(call: Call, number: number): Promise<Resource & GuestRef> {
  const [guest] = await findGuests(call, [number]);
  return guest as Resource & GuestRef;
}

/** @throws AppError `params.invalid` for a container, which has no `what` */
export function onlyQemu(guest: GuestRef, what: string): void {
  if (guest.type === 'qemu') return;
  throw new AppError('params.invalid', `Guest ${guest.vmid} is a container; only virtual machines have ${what}`);
}

export const idOf = ({ type, vmid: number }: GuestRef): string => `${type}/${number}`;

/** Path of a guest below `/api2/json`. */
export const guestPath = ({ node, type, vmid: number }: GuestRef): string => route`/nodes/${node}/${type}/${number}`;

export const configOf = (call: Call, guest: GuestRef): Promise<GuestConfig> =>
  call.get(`${guestPath(guest)}/config`, config);

export const statusOf = (call: Call, guest: GuestRef) => call.get(`${guestPath(guest)}/status/current`, guestStatus);

/** What a plan about these guests rests on: where they are, whether they run, and the digests of their configurations. */
export async function basisOf(call: Call, guests: readonly GuestRef[]): Promise<Record<string, string>> {
  const entries = await Promise.all(
    guests.map(async (guest) => {
      const [{ digest }, { status, lock }] = await Promise.all([configOf(call, guest), statusOf(call, guest)]);
      return [idOf(guest), [guest.node, status, lock ?? '', digest ?? ''].join(' ')] as const;
    }),
  );
  return Object.fromEntries(entries);
}

/** A digest of whatever can be written as JSON. */
export const digestOf = (value: unknown): string => createHash('sha256').update(JSON.stringify(value)).digest('hex');
