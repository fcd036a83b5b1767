import * as z from 'zod';
import { AppError } from '../../../core/errors.ts';
import type { GuestRef } from '../guest-ref.ts';
import { allGuests, configOf, findGuest, nodeName, vmid } from '../guests.ts';
import { disksOf } from '../sizes.ts';
import { defineTool, fromServer } from '../tool.ts';

/** `pve_export_terraform`: guests as Terraform resources, to begin from. */
export const exportTerraform = defineTool({
  name: 'pve_export_terraform',
  title: 'Export Proxmox guests as Terraform',
  description:
    'Writes guests as resources of the Terraform provider bpg/proxmox, with their import commands. Holds no passwords; check it before use.',
  operation: 'monitor',
  input: z.strictObject({ vmid: vmid.optional(), node: nodeName.optional() }),
  output: z.object({
    ...fromServer,
    hcl: z.string(),
    imports: z.array(z.string()).describe('Commands for existing guests'),
  }),
  async run(call, { vmid: number, node }) {
    if (number === undefined && node === undefined) throw new AppError('params.invalid', 'Say vmid or node');
    const guests =
      number === undefined
        ? (await allGuests(call)).filter((one) => one.node === node)
        : [await findGuest(call, number)];
    const blocks = await Promise.all(guests.map(async (guest) => resourceOf(guest, await configOf(call, guest))));
    const hcl = blocks.join('\n\n');
    const imports = guests.map(
      (guest) => `terraform import ${kindOf(guest)}.${labelOf(guest)} ${guest.node}/${guest.vmid}`,
    );
    return { structured: { server: call.server, hcl, imports }, text: hcl || `No guests on ${node}` };
  },
});

const kindOf = ({ type }: GuestRef): string =>
  type === 'qemu' ? 'proxmox_virtual_environment_vm' : 'proxmox_virtual_environment_container';
const labelOf = ({ type, vmid: number }: GuestRef): string => `${type}_${number}`;

/** A string in HCL: `${` and `%{` would begin a template. */
const quoted = (value: unknown): string => JSON.stringify(String(value)).replace(/([$%])\{/g, '$1$1{');

function resourceOf(guest: GuestRef, config: Readonly<Record<string, unknown>>): string {
  const qemu = guest.type === 'qemu';
  const lines = [`node_name = ${quoted(guest.node)}`, `vm_id = ${guest.vmid}`];
  if (qemu && config.name !== undefined) lines.push(`name = ${quoted(config.name)}`);
  if (config.description !== undefined) lines.push(`description = ${quoted(config.description)}`);
  const tags = String(config.tags ?? '')
    .split(/[;,\s]+/)
    .filter(Boolean);
  if (tags.length > 0) lines.push(`tags = [${tags.map(quoted).join(', ')}]`);
  if (qemu && config.onboot !== undefined) lines.push(`on_boot = ${Number(config.onboot) === 1}`);
  lines.push(
    block('cpu', [
      `cores = ${Number(config.cores ?? 1)}`,
      ...(qemu ? [`sockets = ${Number(config.sockets ?? 1)}`] : []),
    ]),
  );
  lines.push(block('memory', [`dedicated = ${Number(config.memory ?? 512)}`]));
  if (!qemu) lines.push(block('initialization', [`hostname = ${quoted(config.hostname ?? guest.vmid)}`]));
  for (const [key, size] of disksOf(config)) {
    const place = `datastore_id = ${quoted(String(config[key]).replace(/:.*$/s, ''))}`;
    const gib = `size = ${Math.ceil(size / 2 ** 30)}`;
    if (qemu) lines.push(block('disk', [`interface = ${quoted(key)}`, place, gib]));
    else if (key === 'rootfs') lines.push(block('disk', [place, gib]));
  }
  for (const key of Object.keys(config)
    .filter((one) => /^net\d+$/.test(one))
    .sort()) {
    const parts = Object.fromEntries(
      String(config[key])
        .split(',')
        .map((part) => part.split('=') as [string, string | undefined]),
    );
    const tag = parts.tag === undefined ? [] : [`vlan_id = ${Number(parts.tag)}`];
    const name = qemu ? [] : [`name = ${quoted(parts.name ?? key)}`];
    lines.push(
      block(qemu ? 'network_device' : 'network_interface', [...name, `bridge = ${quoted(parts.bridge ?? '')}`, ...tag]),
    );
  }
  return block(`resource "${kindOf(guest)}" "${labelOf(guest)}"`, lines);
}

function block(head: string, lines: readonly string[]): string {
  return `${head} {\n${lines.map((line) => line.replace(/^/gm, '  ')).join('\n')}\n}`;
}
