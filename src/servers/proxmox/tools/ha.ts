import * as z from 'zod';
import { AppError } from '../../../core/errors.ts';
import { haResources, haStatus as statusAnswer } from '../answers.ts';
import { findGuest, idOf, vmid } from '../guests.ts';
import { defineChange } from '../proposal.ts';
import { defineTool, fromServer } from '../tool.ts';

/** Guests under high availability. */
const RESOURCES = '/cluster/ha/resources';
const list = z.array(z.record(z.string(), z.unknown()));

/** `pve_ha_status`: what is highly available, and how it is. */
export const haStatus = defineTool({
  name: 'pve_ha_status',
  title: 'High availability of Proxmox',
  description: 'Guests under high availability, the state that is wanted and the one they have; quorum and managers.',
  operation: 'monitor',
  input: z.strictObject({}),
  output: z.object({ ...fromServer, resources: list, status: list }),
  async run(call) {
    const [resources, status] = await Promise.all([
      call.get(RESOURCES, haResources),
      call.get('/cluster/ha/status/current', statusAnswer),
    ]);
    const lines = status.map(
      (one) => `${one.sid ?? one.type}: ${one.state ?? one.status ?? 'unknown'} (${one.node ?? ''})`,
    );
    return { structured: { server: call.server, resources, status }, text: lines.join('\n') };
  },
});

/** `pve_ha`: puts a guest under high availability, sets its state, or takes it out. */
export const ha = defineChange({
  name: 'pve_ha',
  title: 'Put a guest under high availability',
  description:
    'Adds a guest to high availability, changes the state it shall have there, or removes it. Removing does not stop it.',
  operation: 'manage_vms',
  effects: ['write', 'destructive'],
  idempotent: true,
  input: z.strictObject({
    vmid,
    action: z.enum(['add', 'set', 'remove']),
    state: z.enum(['started', 'stopped', 'disabled', 'ignored']).optional().describe('With add and set'),
    comment: z.string().max(4096).optional(),
  }),
  async run(call, { vmid: number, action, state, comment }) {
    const guest = await findGuest(call, number);
    const sid = `${guest.type === 'qemu' ? 'vm' : 'ct'}:${number}`;
    const known = (await call.get(RESOURCES, haResources)).find((one) => one.sid === sid);
    const base = { target: idOf(guest), guests: [number] };
    const stops = state === 'stopped' || state === 'disabled';
    const impact = stops ? 'high availability stops the guest' : undefined;
    const effect = { destructive: stops, ...(impact !== undefined && { impact }) };
    if (action === 'add') {
      if (known)
        throw new AppError(
          'params.invalid',
          `${sid} is under high availability already (${known.state}): use action set`,
        );
      const change = { method: 'POST' as const, path: RESOURCES, params: { sid, state, comment } };
      return {
        changes: [
          { ...base, ...effect, ...change, action: `put under high availability${state ? ` as ${state}` : ''}` },
        ],
      };
    }
    if (!known)
      throw new AppError('params.invalid', `${sid} is not under high availability: pve_ha_status shows what is`);
    const path = `${RESOURCES}/${encodeURIComponent(sid)}`;
    const basis = { state: known.state ?? '', digest: known.digest ?? '' };
    if (action === 'remove') {
      const removal = { destructive: true, impact: 'it is not started again elsewhere when its node fails' };
      return {
        changes: [{ ...base, ...removal, method: 'DELETE', path, action: 'take out of high availability' }],
        basis,
      };
    }
    if (state === undefined && comment === undefined)
      throw new AppError('params.invalid', 'state or comment is missing');
    const change = { method: 'PUT' as const, path, params: { state, comment, digest: known.digest } };
    const goal = `set high availability to ${state ?? 'another comment'}`;
    return { changes: [{ ...base, ...effect, ...change, action: goal }], basis };
  },
});
