import * as z from 'zod';
import type { guestStatus as answer } from '../answers.ts';
import type { GuestType } from '../guest-ref.ts';
import { findGuest, statusOf, vmid } from '../guests.ts';
import { defineTool, fromServer, usage, usageOf } from '../tool.ts';
import { bytes, duration, percent } from '../units.ts';

/** `pve_guest_status`: one guest as its node sees it now. */
export const guestStatus = defineTool({
  name: 'pve_guest_status',
  title: 'Status of a Proxmox guest',
  description:
    'Says how one virtual machine or container is right now: state, CPU, memory, disk, uptime, lock, high availability. Finds the node by itself.',
  operation: 'monitor',
  input: z.strictObject({ vmid }),
  output: z.object({
    ...fromServer,
    vmid: z.number(),
    type: z.enum(['qemu', 'lxc']).describe('qemu: virtual machine; lxc: container'),
    node: z.string(),
    name: z.string().optional(),
    status: z.string().describe('running or stopped'),
    run_state: z.string().optional().describe("QEMU's own state, for example paused"),
    template: z.boolean(),
    tags: z.array(z.string()),
    lock: z.string().optional(),
    cpus: z.number().optional(),
    cpu_usage: z.number().optional().describe('Share of all its CPUs, 0 to 1'),
    memory_bytes: usage.optional(),
    swap_bytes: usage.optional(),
    disk_bytes: usage.optional().describe('Used is not known for virtual machines (qemu)'),
    uptime_seconds: z.number().optional(),
    agent_enabled: z.boolean().optional().describe('The QEMU guest agent is enabled in the configuration'),
    ha_managed: z.boolean(),
    ha_state: z.string().optional(),
  }),
  async run(call, { vmid }) {
    const found = await findGuest(call, vmid);
    const { type, node } = found;
    const guest = await statusOf(call, found);
    const structured = { server: call.server, vmid, type, node, ...shown(type, guest) };
    return { structured, text: describe(`${type}/${vmid}`, node, guest) };
  },
});

type Guest = z.output<typeof answer>;

function shown(type: GuestType, guest: Guest) {
  return {
    name: guest.name,
    status: guest.status,
    run_state: guest.qmpstatus,
    template: guest.template ?? false,
    tags: guest.tags ?? [],
    lock: guest.lock,
    cpus: guest.cpus,
    cpu_usage: guest.cpu,
    memory_bytes: usageOf(guest.mem, guest.maxmem),
    swap_bytes: usageOf(guest.swap, guest.maxswap),
    // The API says 0 for every virtual machine: it does not look into its disks.
    disk_bytes: usageOf(type === 'qemu' ? undefined : guest.disk, guest.maxdisk),
    uptime_seconds: guest.uptime,
    agent_enabled: guest.agent,
    ha_managed: guest.ha?.managed ?? false,
    ha_state: guest.ha?.state,
  };
}

function describe(id: string, node: string, guest: Guest): string {
  const state =
    guest.qmpstatus && guest.qmpstatus !== guest.status ? `${guest.status} (${guest.qmpstatus})` : guest.status;
  const parts = [`${id}${guest.name ? ` "${guest.name}"` : ''} on ${node} is ${state}`];
  if (guest.status === 'running') {
    if (guest.uptime) parts.push(`up ${duration(guest.uptime)}`);
    if (guest.cpu !== undefined) parts.push(`CPU ${percent(guest.cpu)} of ${guest.cpus ?? '?'}`);
    if (guest.mem !== undefined && guest.maxmem) parts.push(`memory ${bytes(guest.mem)} of ${bytes(guest.maxmem)}`);
  }
  if (guest.lock) parts.push(`locked (${guest.lock})`);
  return parts.join(', ');
}
