import * as z from 'zod';
import { records } from '../answers.ts';
import { configOf, findGuest, guestPath, idOf, vmid } from '../guests.ts';
import { defineTool, fromServer } from '../tool.ts';

/** `pve_guest_config`: the configuration, and what waits for the next start. */
export const guestConfig = defineTool({
  name: 'pve_guest_config',
  title: 'Configuration of a Proxmox guest',
  description: 'Configuration of a virtual machine or container, with the digest that pve_update_config takes.',
  operation: 'monitor',
  input: z.strictObject({
    vmid,
    pending: z.boolean().default(false).describe('Also what is changed but waits for the next start'),
  }),
  output: z.object({
    ...fromServer,
    vmid: z.number(),
    type: z.string(),
    node: z.string(),
    digest: z.string().optional(),
    config: z.record(z.string(), z.unknown()),
    pending: z.array(z.record(z.string(), z.unknown())).optional(),
  }),
  async run(call, { vmid: number, pending: wanted }) {
    const guest = await findGuest(call, number);
    const { digest, ...config } = await configOf(call, guest);
    const all = wanted ? await call.get(`${guestPath(guest)}/pending`, records) : undefined;
    const pending = all?.filter((one) => one.pending !== undefined || one.delete !== undefined);
    const { type, node } = guest;
    const shown = Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined));
    const structured = { server: call.server, vmid: number, type, node, digest, config: shown, pending };
    const lines = Object.entries(shown).map(([key, value]) => `${key}: ${value}`);
    const waiting = pending?.map((one) => `pending: ${one.key} = ${one.pending ?? '(deleted)'}`) ?? [];
    return { structured, text: [`${idOf(guest)} on ${node}`, ...lines, ...waiting].join('\n') };
  },
});

const agentInterfaces = z.object({
  result: z.array(
    z.looseObject({
      name: z.string(),
      'hardware-address': z.string().optional(),
      'ip-addresses': z.array(z.looseObject({ 'ip-address': z.string(), prefix: z.number().optional() })).optional(),
    }),
  ),
});
const containerInterfaces = z.array(
  z.looseObject({
    name: z.string(),
    hwaddr: z.string().nullish(),
    inet: z.string().nullish(),
    inet6: z.string().nullish(),
  }),
);

/** `pve_guest_ips`: the addresses that a guest has now. */
export const guestIps = defineTool({
  name: 'pve_guest_ips',
  title: 'Addresses of a Proxmox guest',
  description: 'IP addresses of a running guest, by interface. A virtual machine needs the QEMU guest agent.',
  operation: 'monitor',
  input: z.strictObject({ vmid }),
  output: z.object({
    ...fromServer,
    vmid: z.number(),
    interfaces: z.array(
      z.object({
        name: z.string(),
        mac: z.string().optional(),
        addresses: z.array(z.string()).describe('With prefix'),
      }),
    ),
  }),
  async run(call, { vmid: number }) {
    const guest = await findGuest(call, number);
    const base = guestPath(guest);
    const interfaces =
      guest.type === 'qemu'
        ? (await call.get(`${base}/agent/network-get-interfaces`, agentInterfaces)).result.map((one) => ({
            name: one.name,
            mac: one['hardware-address'],
            addresses: one['ip-addresses']?.map((ip) => `${ip['ip-address']}/${ip.prefix ?? ''}`) ?? [],
          }))
        : (await call.get(`${base}/interfaces`, containerInterfaces)).map((one) => ({
            name: one.name,
            mac: one.hwaddr ?? undefined,
            addresses: [one.inet, one.inet6].filter((ip) => ip != null),
          }));
    const text = interfaces.map((one) => `${one.name}: ${one.addresses.join(', ') || 'no address'}`).join('\n');
    return { structured: { server: call.server, vmid: number, interfaces }, text };
  },
});
