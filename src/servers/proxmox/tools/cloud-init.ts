import * as z from 'zod';
import { AppError } from '../../../core/errors.ts';
import { configOf, findGuest, guestPath, idOf, onlyQemu, vmid } from '../guests.ts';
import { defineChange } from '../proposal.ts';
import type { Change } from '../tool.ts';

/** What cloud-init sets in a guest. */
export const cloudInit = {
  user: z
    .string()
    .regex(/^[a-z_][a-z0-9_-]*$/)
    .optional(),
  ssh_keys: z
    .array(z.string().regex(/^\S+ \S+( .*)?$/))
    .optional()
    .describe('Public keys, one each'),
  ipconfig: z
    .string()
    .regex(/^(ip6?|gw6?)=[^,\s]+(,(ip6?|gw6?)=[^,\s]+)*$/)
    .optional()
    .describe('Of the first network device: "ip=dhcp", or "ip=192.0.2.7/24,gw=192.0.2.1"'),
  nameserver: z.string().optional(),
  searchdomain: z.string().optional(),
};
type CloudInit = z.output<z.ZodObject<typeof cloudInit>>;

/** As parameters of a configuration. Proxmox wants the keys URL-encoded within the value (qemu-server, `urlencoded`). */
export function cloudInitParams({ user, ssh_keys, ipconfig, nameserver, searchdomain }: CloudInit) {
  const sshkeys = ssh_keys === undefined ? undefined : encodeURIComponent(ssh_keys.join('\n'));
  return { ciuser: user, sshkeys, ipconfig0: ipconfig, nameserver, searchdomain };
}

/** `pve_cloudinit`: what a virtual machine is told at its next start. */
export const cloudinit = defineChange({
  name: 'pve_cloudinit',
  title: 'Set cloud-init of a Proxmox virtual machine',
  description:
    'Sets user, SSH keys, addresses or DNS for cloud-init, and makes its image anew. It takes effect at the next start.',
  operation: 'manage_vms',
  effects: ['write'],
  idempotent: true,
  input: z.strictObject({
    vmid,
    ...cloudInit,
    regenerate: z.boolean().default(true).describe('Make the cloud-init image anew'),
  }),
  async run(call, { vmid: number, regenerate, ...wanted }) {
    const guest = await findGuest(call, number);
    onlyQemu(guest, 'cloud-init');
    const { digest, ...config } = await configOf(call, guest);
    const hasDrive = Object.values(config).some((value) => typeof value === 'string' && /cloudinit/.test(value));
    if (!hasDrive)
      throw new AppError(
        'params.invalid',
        `Guest ${number} has no cloud-init drive: pve_update_config can add one (ide2: "STORAGE:cloudinit")`,
      );
    const base = { target: idOf(guest), guests: [number], destructive: false };
    const params = cloudInitParams(wanted);
    const sets = Object.values(params).some((value) => value !== undefined);
    const changes: Change[] = [];
    if (sets)
      changes.push({
        ...base,
        method: 'PUT',
        path: `${guestPath(guest)}/config`,
        params: { ...params, digest },
        action: 'set cloud-init',
      });
    if (regenerate)
      changes.push({
        ...base,
        method: 'PUT',
        path: `${guestPath(guest)}/cloudinit`,
        action: 'make the cloud-init image anew',
        dependent: sets,
      });
    return { changes };
  },
});
