import { died, invalid } from '../failure.ts';
import type { Context, Route } from '../router.ts';
import { DISK, digestOf, guestAt, type SimGuest } from '../state.ts';
import { assertUnlocked } from './power.ts';

/** Snapshots: nearly everything that goes wrong does so in the task. */
export const SNAPSHOT_ROUTES: readonly Route[] = (['qemu', 'lxc'] as const).flatMap((type): Route[] => {
  const base = `/nodes/{node}/${type}/{vmid}/snapshot`;
  const guestOf = ({ state, values }: Context) => guestAt(state, values.node ?? '', type, values.vmid ?? '');
  return [
    { method: 'GET', path: base, needs: ['/vms/{vmid}', 'VM.Audit'], run: (context) => listed(guestOf(context)) },
    {
      method: 'POST',
      path: base,
      params: { snapname: 'string!', description: 'string', ...(type === 'qemu' && { vmstate: 'boolean' as const }) },
      needs: ['/vms/{vmid}', 'VM.Snapshot'],
      run: (context) => take(guestOf(context), context),
    },
    {
      method: 'DELETE',
      path: `${base}/{snapname}`,
      params: { force: 'boolean' },
      needs: ['/vms/{vmid}', 'VM.Snapshot'],
      run: (context) => remove(guestOf(context), context),
    },
    {
      method: 'POST',
      path: `${base}/{snapname}/rollback`,
      params: { start: 'boolean' },
      needs: ['/vms/{vmid}', 'VM.Snapshot|VM.Snapshot.Rollback'],
      run: (context) => rollback(guestOf(context), context),
    },
  ];
});

function listed({ snapshots, config }: SimGuest): unknown[] {
  const parent = snapshots.at(-1)?.name;
  const rows = snapshots.map(({ config: _, vmstate, ...one }) => ({ ...one, vmstate: vmstate ? 1 : 0 }));
  return [
    ...rows,
    { name: 'current', description: 'You are here!', digest: digestOf(config), ...(parent && { parent }) },
  ];
}

function start(guest: SimGuest, { tasks, user }: Context, action: string, work: () => void): string {
  const type = `${guest.type === 'qemu' ? 'qm' : 'vz'}${action}`;
  return tasks.start({
    node: guest.node,
    type,
    id: guest.vmid,
    user,
    work: () => {
      assertUnlocked(guest);
      work();
      return undefined;
    },
  });
}

function find(guest: SimGuest, name: string) {
  const found = guest.snapshots.find((one) => one.name === name);
  if (!found) throw died(`snapshot '${name}' does not exist`);
  return found;
}

function take(guest: SimGuest, context: Context): string {
  const { snapname: name = '', description = '', vmstate } = context.values;
  if (name === 'current') throw died("unable to use snapshot name 'current' (reserved name)");
  if (!/^[A-Za-z][A-Za-z0-9_-]*$/.test(name)) throw invalid('snapname', 'invalid format - invalid configuration ID');
  return start(guest, context, 'snapshot', () => {
    if (guest.config.template) throw died("you can't take a snapshot if it's a template");
    if (guest.snapshots.some((one) => one.name === name)) throw died(`snapshot name '${name}' already used`);
    const disks = Object.entries(guest.config).filter(
      ([key, value]) => DISK.test(key) && !/media=cdrom/.test(String(value)),
    );
    const storages = disks.map(([, value]) =>
      context.state.storages.find((one) => String(value).startsWith(`${one.storage}:`)),
    );
    if (storages.some((one) => one && !one.snapshots)) throw died('snapshot feature is not available');
    const parent = guest.snapshots.at(-1)?.name;
    const snaptime = Math.floor(context.now() / 1000);
    guest.snapshots.push({
      name,
      description,
      snaptime,
      config: structuredClone(guest.config),
      ...(parent && { parent }),
      ...(vmstate === '1' && { vmstate: true }),
    });
  });
}

function remove(guest: SimGuest, context: Context): string {
  const { snapname: name = '' } = context.values;
  return start(guest, context, 'delsnapshot', () => {
    find(guest, name);
    guest.snapshots = guest.snapshots.filter((one) => one.name !== name);
  });
}

function rollback(guest: SimGuest, context: Context): string {
  const { snapname: name = '', start: on } = context.values;
  if (on === '1') context.check(`/vms/${guest.vmid}`, 'VM.PowerMgmt');
  return start(guest, context, 'rollback', () => {
    guest.config = structuredClone(find(guest, name).config);
    guest.status = on === '1' ? 'running' : 'stopped';
  });
}
