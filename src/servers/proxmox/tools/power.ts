import * as z from 'zod';
import { AppError } from '../../../core/errors.ts';
import type { GuestRef } from '../guest-ref.ts';
import { findGuests, guestPath, idOf, statusOf, vmids } from '../guests.ts';
import { defineChange, waitSeconds } from '../proposal.ts';
import type { Change } from '../tool.ts';

type Action = 'start' | 'shutdown' | 'stop' | 'reboot' | 'reset' | 'suspend' | 'resume';

/** What each action does to a guest; without an impact nothing is interrupted that was not asked to end. */
const ACTIONS: Readonly<Record<Action, { readonly expect: 'running' | 'stopped'; readonly impact?: string }>> = {
  start: { expect: 'running' },
  resume: { expect: 'running' },
  shutdown: { expect: 'stopped' },
  suspend: { expect: 'running' },
  stop: { expect: 'stopped', impact: 'as if the power was cut: what is not on disk yet is lost' },
  reset: { expect: 'running', impact: 'as if the reset button was pressed: what is not on disk yet is lost' },
  reboot: { expect: 'running', impact: 'what runs in the guest is ended and started anew' },
};

/** `pve_power`: starts and stops guests. */
export const power = defineChange({
  name: 'pve_power',
  title: 'Start and stop Proxmox guests',
  description:
    'Starts, shuts down, suspends, resumes, reboots, resets or stops guests, waits for it, and says the state they have then. stop, reset, reboot and shutdown with force_stop are planned first.',
  operation: 'manage_vms',
  effects: ['write', 'destructive'],
  input: z.strictObject({
    vmids,
    action: z.enum(['start', 'shutdown', 'stop', 'reboot', 'reset', 'suspend', 'resume']),
    timeout: z.int().min(1).max(3600).optional().describe('With shutdown and reboot: how long the guest has, seconds'),
    force_stop: z.boolean().default(false).describe('With shutdown: cut the power when its time is up'),
    wait_seconds: waitSeconds,
  }),
  async run(call, { vmids: numbers, action, timeout, force_stop, wait_seconds }) {
    const guests = await findGuests(call, numbers);
    const containers = guests.filter((one) => one.type === 'lxc').map((one) => one.vmid);
    if (action === 'reset' && containers.length > 0) {
      throw new AppError('params.invalid', `Containers (${containers.join(', ')}) have no reset; use reboot or stop`);
    }
    const ends = action === 'shutdown' || action === 'reboot';
    const force = action === 'shutdown' && force_stop;
    const params = { timeout: ends ? timeout : undefined, forceStop: force || undefined };
    const { expect, impact } = force ? { ...ACTIONS.stop, expect: 'stopped' as const } : ACTIONS[action];
    const changes = guests.map((guest): Change => {
      const base = { method: 'POST' as const, path: `${guestPath(guest)}/status/${action}`, params };
      const about = {
        action: force ? 'shutdown, then stop' : action,
        target: idOf(guest),
        guests: [guest.vmid],
        guest,
      };
      return { ...base, ...about, expect, destructive: impact !== undefined, ...(impact !== undefined && { impact }) };
    });
    const basis = impact === undefined ? {} : Object.fromEntries(await Promise.all(guests.map(stateOf)));
    return { changes, basis, waitMs: wait_seconds * 1000 };

    async function stateOf(guest: GuestRef): Promise<[string, string]> {
      const { status, lock } = await statusOf(call, guest);
      return [idOf(guest), `${guest.node} ${status} ${lock ?? ''}`];
    }
  },
});
