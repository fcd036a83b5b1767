import * as z from 'zod';
import { AppError } from '../../../core/errors.ts';
import { firewallRules as rulesAnswer } from '../answers.ts';
import { digestOf, findGuest, guestPath, idOf, nodeName, vmid } from '../guests.ts';
import { defineChange } from '../proposal.ts';
import { route } from '../route.ts';
import { type Call, defineTool, fromServer } from '../tool.ts';

const scope = {
  scope: z.enum(['cluster', 'node', 'guest']),
  node: nodeName.optional().describe('With scope node'),
  vmid: vmid.optional().describe('With scope guest'),
};
type Scope = z.output<z.ZodObject<typeof scope>>;

interface Place {
  readonly path: string;
  readonly target: string;
  readonly guests: readonly number[];
}

async function placeOf(call: Call, args: Scope): Promise<Place> {
  if (args.scope === 'cluster') return { path: '/cluster/firewall/rules', target: 'cluster', guests: [] };
  if (args.scope === 'node' && args.node !== undefined)
    return { path: route`/nodes/${args.node}/firewall/rules`, target: `node/${args.node}`, guests: [] };
  if (args.scope === 'guest' && args.vmid !== undefined) {
    const guest = await findGuest(call, args.vmid);
    return { path: `${guestPath(guest)}/firewall/rules`, target: idOf(guest), guests: [args.vmid] };
  }
  throw new AppError(
    'params.invalid',
    `${args.scope === 'node' ? 'node' : 'vmid'} is missing: it is what scope "${args.scope}" is of`,
  );
}

/** `pve_firewall_rules`: rules in their order. */
export const firewallRules = defineTool({
  name: 'pve_firewall_rules',
  title: 'Firewall rules of Proxmox',
  description: 'Firewall rules of the cluster, a node or a guest, in the order in which they are looked at.',
  operation: 'monitor',
  input: z.strictObject(scope),
  output: z.object({ ...fromServer, target: z.string(), rules: z.array(z.record(z.string(), z.unknown())) }),
  async run(call, args) {
    const { path, target } = await placeOf(call, args);
    const rules = await call.get(path, rulesAnswer);
    const text = rules.map((one) => `${one.pos}: ${one.type} ${one.action} ${one.comment ?? ''}`.trim()).join('\n');
    return { structured: { server: call.server, target, rules }, text: text || `No rules on ${target}` };
  },
});

const rule = z.strictObject({
  type: z.enum(['in', 'out', 'forward', 'group']).optional(),
  action: z.string().optional().describe('ACCEPT, DROP, REJECT, or the name of a security group'),
  enable: z.boolean().optional(),
  macro: z.string().optional(),
  iface: z.string().optional(),
  source: z.string().optional(),
  dest: z.string().optional(),
  proto: z.string().optional(),
  sport: z.string().optional(),
  dport: z.string().optional(),
  log: z.enum(['emerg', 'alert', 'crit', 'err', 'warning', 'notice', 'info', 'debug', 'nolog']).optional(),
  comment: z.string().optional(),
});

/** `pve_firewall_rule`: adds, changes or deletes one rule. */
export const firewallRule = defineChange({
  name: 'pve_firewall_rule',
  title: 'Change a firewall rule of Proxmox',
  description:
    'Adds, updates or deletes one firewall rule of the cluster, a node or a guest. Others move by its position.',
  operation: 'manage_vms',
  effects: ['destructive'],
  input: z.strictObject({
    ...scope,
    action: z.enum(['add', 'update', 'delete']),
    pos: z.int().min(0).optional().describe('Position of the rule to update or delete'),
    rule: rule.optional().describe('With add and update'),
  }),
  async run(call, args) {
    const { path, target, guests } = await placeOf(call, args);
    const rules = await call.get(path, rulesAnswer);
    const basis = { rules: digestOf(rules) };
    const digest = rules.find((one) => one.digest !== undefined)?.digest;
    const { action, pos, rule: wanted } = args;
    const impact = 'traffic that was let through may be cut off, or the other way round';
    const change = { target, guests, destructive: true, impact };
    if (action === 'add') {
      if (!wanted?.type || !wanted.action) throw new AppError('params.invalid', 'rule needs type and action');
      const params = { ...wanted, digest };
      return {
        changes: [{ ...change, method: 'POST', path, params, action: `add rule ${JSON.stringify(wanted)}` }],
        basis,
      };
    }
    const old = rules.find((one) => one.pos === pos);
    if (pos === undefined || !old)
      throw new AppError('params.invalid', `There is no rule ${pos ?? ''} on ${target}: pos is missing or wrong`);
    const what = `rule ${pos} (${[old.type, old.action, old.comment].filter(Boolean).join(' ')})`;
    if (action === 'delete') {
      return {
        changes: [
          { ...change, method: 'DELETE', path: `${path}/${pos}`, params: { digest }, action: `delete ${what}` },
        ],
        basis,
      };
    }
    if (!wanted) throw new AppError('params.invalid', 'rule is missing: it is what is to be set');
    const params = { ...wanted, digest };
    return {
      changes: [
        {
          ...change,
          method: 'PUT',
          path: `${path}/${pos}`,
          params,
          action: `set ${what} to ${JSON.stringify(wanted)}`,
        },
      ],
      basis,
    };
  },
});
