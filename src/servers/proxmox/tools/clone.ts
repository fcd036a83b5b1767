import * as z from 'zod';
import { basisOf, findGuest, guestPath, idOf, nodeName, storageName, vmid } from '../guests.ts';
import { defineChange, waitSeconds } from '../proposal.ts';
import { newNumber } from './create.ts';
import { snapshotName } from './snapshots.ts';

/** `pve_clone_guest`: another guest like this one. */
export const cloneGuest = defineChange({
  name: 'pve_clone_guest',
  title: 'Clone a Proxmox guest',
  description:
    'Makes a copy of a guest or template. A linked clone (full: false, of a template) takes no storage at first.',
  operation: 'manage_vms',
  effects: ['write'],
  input: z.strictObject({
    vmid,
    newid: vmid.optional().describe('The next free number if absent'),
    name: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9.-]*$/)
      .optional(),
    full: z.boolean().optional().describe('Copy all disks; of what is no template always'),
    target: nodeName.optional().describe('Node for the copy; only with shared storage'),
    storage: storageName.optional().describe('With full: where its disks shall be'),
    snapname: snapshotName.optional().describe('Copy this snapshot'),
    pool: z.string().optional(),
    wait_seconds: waitSeconds,
  }),
  async run(call, { vmid: number, newid, name, wait_seconds, ...rest }) {
    const guest = await findGuest(call, number);
    const made = await newNumber(call, newid);
    const { type } = guest;
    const change = {
      method: 'POST' as const,
      path: `${guestPath(guest)}/clone`,
      params: { newid: made, [type === 'qemu' ? 'name' : 'hostname']: name, ...rest },
      action: `clone as ${made}`,
      target: idOf(guest),
      guests: [made],
      guest: { vmid: made, type, node: rest.target ?? guest.node },
      destructive: false,
    };
    return { changes: [change], waitMs: wait_seconds * 1000 };
  },
});

/** `pve_convert_to_template`: there is no way back. */
export const convertToTemplate = defineChange({
  name: 'pve_convert_to_template',
  title: 'Make a Proxmox guest a template',
  description:
    'Makes a stopped guest a template, to be cloned. It cannot be started any more, and there is no way back.',
  operation: 'manage_vms',
  effects: ['destructive'],
  input: z.strictObject({ vmid, wait_seconds: waitSeconds }),
  async run(call, { vmid: number, wait_seconds }) {
    const guest = await findGuest(call, number);
    if (guest.template) return { changes: [], notes: [`${idOf(guest)} is a template already`] };
    const change = {
      method: 'POST' as const,
      path: `${guestPath(guest)}/template`,
      action: 'make a template',
      target: idOf(guest),
      guests: [number],
      guest,
      destructive: true,
      impact: 'it cannot be started any more, only cloned',
    };
    return { changes: [change], basis: await basisOf(call, [guest]), waitMs: wait_seconds * 1000 };
  },
});
