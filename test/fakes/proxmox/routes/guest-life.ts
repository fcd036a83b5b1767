import { died, invalid } from '../failure.ts';
import type { Context } from '../router.ts';
import { DISK, type GuestType, type Row, type SimGuest, shortType, storageAt } from '../state.ts';
import { CREATE, valueMade } from './guest-config.ts';
import { assertUnlocked } from './power.ts';

export function task(
  guest: Pick<SimGuest, 'node' | 'vmid'>,
  { tasks, user }: Context,
  type: string,
  work: () => unknown,
): string {
  const run = () => {
    work();
    return undefined;
  };
  return tasks.start({ node: guest.node, type, id: guest.vmid, user, work: run });
}

const prefix = ({ type }: SimGuest): string => (type === 'qemu' ? 'qm' : 'vz');

export function create(context: Context, type: GuestType): string {
  const { state, values, all } = context;
  const { node = '', vmid = '', pool, archive, restore, ostemplate } = values;
  context.check(pool === undefined ? `/vms/${vmid}` : `/pool/${pool}`, 'VM.Allocate');
  const old = state.guests.get(Number(vmid));
  const source = archive ?? (restore === '1' ? ostemplate : undefined);
  if (old && !(source !== undefined && values.force === '1'))
    throw died(
      `unable to create ${shortType(type)} ${vmid} - ${shortType(type)} ${vmid} already exists on node '${old.node}'`,
    );
  if (old?.status === 'running')
    throw died(`unable to restore ${shortType(type)} ${vmid} - ${shortType(type)} is running`);
  const backup = source === undefined ? undefined : state.volumes.get(source);
  if (source !== undefined && !backup) throw died(`unable to find archive '${source}'`);
  const own = [...all].filter(
    ([key]) => !(key in CREATE) && !['archive', 'ostemplate', 'restore', 'ssh-public-keys', 'password'].includes(key),
  );
  for (const [key, value] of own)
    if (DISK.test(key) && /^[^:,]+:\d/.test(value)) storageAt(state, node, value.split(':')[0] ?? '');
  const guest: SimGuest = {
    vmid: Number(vmid),
    type,
    node,
    status: 'stopped',
    paused: false,
    lock: undefined,
    pool,
    ha: undefined,
    agentRuns: false,
    config: {
      ...backup?.config,
      ...Object.fromEntries(own.map(([key, value]) => [key, valueMade(key, value, { vmid: Number(vmid) }, type)])),
    },
    snapshots: [],
    files: new Map(),
  };
  const name = `${type === 'qemu' ? 'qm' : 'vz'}${source === undefined ? 'create' : 'restore'}`;
  return task(guest, context, name, () => {
    if (values.start === '1') guest.status = 'running';
    state.guests.set(guest.vmid, guest);
  });
}

export function destroy(guest: SimGuest, context: Context): string {
  const { vmid, type, status, config, ha } = guest;
  const name = `${shortType(type)} ${vmid}`;
  if (Number(config.protection ?? 0) === 1) throw died(`can't remove ${name} - protection mode enabled`);
  if (ha !== undefined && context.values.purge !== '1')
    throw died(`unable to remove ${name} - used in HA resources and purge parameter not set.`);
  if (status === 'running') throw died(`${name} is running - destroy failed`);
  return task(guest, context, `${prefix(guest)}destroy`, () => {
    assertUnlocked(guest);
    context.state.guests.delete(vmid);
  });
}

export function clone(guest: SimGuest, context: Context): string {
  const { state, values } = context;
  const { newid = '', name, hostname, target, full, snapname, pool } = values;
  if (state.guests.has(Number(newid))) throw died(`unable to create VM ${newid}: config file already exists`);
  if (snapname !== undefined && !guest.snapshots.some((one) => one.name === snapname))
    throw died(`snapshot '${snapname}' does not exist`);
  if (full === '0' && !guest.config.template)
    throw invalid('full', 'Linked clone feature is not supported for a guest that is no template');
  return task(guest, context, `${prefix(guest)}clone`, () => {
    assertUnlocked(guest);
    const { template: _, ...config } = structuredClone(guest.config);
    const title =
      guest.type === 'qemu'
        ? { name: name ?? `Copy-of-VM-${config.name}` }
        : { hostname: hostname ?? `Copy-of-CT-${config.hostname}` };
    state.guests.set(Number(newid), {
      ...guest,
      vmid: Number(newid),
      node: target ?? guest.node,
      status: 'stopped',
      ha: undefined,
      pool,
      config: { ...config, ...title },
      snapshots: [],
      files: new Map(),
    });
  });
}

export function makeTemplate(guest: SimGuest, context: Context): string | null {
  if (guest.config.template) throw died(`you can't convert a template to a template`);
  if (guest.status === 'running')
    throw died(`you can't convert a ${shortType(guest.type)} to template if it's running`);
  const work = () => {
    guest.config.template = 1;
  };
  if (guest.type === 'qemu') return task(guest, context, 'qmtemplate', work);
  work();
  return null;
}

function localDisks(guest: SimGuest, { state }: Context): string[] {
  return Object.entries(guest.config).flatMap(([key, value]) => {
    const storage = state.storages.find((one) => one.storage === String(value).split(':')[0]);
    return DISK.test(key) && !key.startsWith('unused') && storage && !storage.shared
      ? [String(value).split(',')[0] ?? '']
      : [];
  });
}

export function preconditions(guest: SimGuest, context: Context): Row {
  const others = [...context.state.nodes].filter(([name, status]) => name !== guest.node && status === 'online');
  const nodes = others.map(([name]) => name);
  const running = guest.status === 'running' ? 1 : 0;
  if (guest.type === 'lxc') return { running, 'allowed-nodes': nodes, 'not-allowed-nodes': {} };
  return {
    running,
    allowed_nodes: nodes,
    local_disks: localDisks(guest, context).map((volid) => ({ volid })),
    local_resources: [],
  };
}

export function migrate(guest: SimGuest, context: Context): string {
  const { target = '', online, restart } = context.values;
  if (target === guest.node) throw invalid('target', 'target is local node.');
  if (context.state.nodes.get(target) !== 'online') throw died(`node '${target}' is not online`);
  if (guest.status === 'running' && guest.type === 'qemu' && online !== '1')
    throw died("can't migrate running VM without --online");
  if (guest.status === 'running' && guest.type === 'lxc' && restart !== '1')
    throw died('lxc live migration is currently not implemented');
  return task(guest, context, `${prefix(guest)}migrate`, () => {
    assertUnlocked(guest);
    guest.node = target;
  });
}
