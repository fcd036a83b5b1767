import { died, invalid } from '../failure.ts';
import type { Context, Parameters, Route } from '../router.ts';
import { digestOf, type Row, type SimGuest, type State } from '../state.ts';
import { sizesOf } from './guest-config.ts';

const GIB = 2 ** 30;
const ROOT: Route['needs'] = ['/', 'Sys.Audit'];
const MODIFY: Route['needs'] = ['/', 'Sys.Modify'];
const JOB: Parameters = {
  schedule: 'string',
  storage: 'string',
  vmid: 'string',
  all: 'boolean',
  pool: 'string',
  mode: 'string',
  enabled: 'boolean',
  comment: 'string',
  compress: 'string',
};

export const CLUSTER_ROUTES: readonly Route[] = [
  { method: 'GET', path: '/version', run: () => ({ version: '9.1.1', release: '9.1', repoid: '0123abcd' }) },
  { method: 'GET', path: '/cluster/resources', params: { type: 'string' }, run: resources },
  { method: 'GET', path: '/cluster/status', needs: ROOT, run: ({ state }) => status(state) },
  {
    method: 'GET',
    path: '/cluster/nextid',
    params: { vmid: 'integer' },
    run: ({ state }) => String([...Array(10_000).keys()].map((one) => one + 100).find((one) => !state.guests.has(one))),
  },
  {
    method: 'GET',
    path: '/cluster/log',
    params: { max: 'integer' },
    run: ({ now }) => [
      { node: 'pve1', user: 'root@pam', tag: 'pvedaemon', msg: 'end task', time: Math.floor(now() / 1000) },
    ],
  },
  { method: 'GET', path: '/cluster/tasks', run: clusterTasks },
  { method: 'GET', path: '/cluster/backup', needs: ROOT, run: ({ state }) => [...state.jobs.values()] },
  {
    method: 'POST',
    path: '/cluster/backup',
    params: { ...JOB, id: 'string' },
    needs: MODIFY,
    run: ({ state, values }) => {
      const id = values.id ?? `backup-${state.jobs.size + 1}`;
      if (state.jobs.has(id)) throw invalid('id', `ID already used`);
      state.jobs.set(id, { ...pick(values, JOB), id });
      return null;
    },
  },
  {
    method: 'PUT',
    path: '/cluster/backup/{id}',
    params: { ...JOB, delete: 'string' },
    needs: MODIFY,
    run: ({ state, values }) => void Object.assign(job(state, values.id), pick(values, JOB)),
  },
  {
    method: 'DELETE',
    path: '/cluster/backup/{id}',
    needs: MODIFY,
    run: ({ state, values }) => void (job(state, values.id) && state.jobs.delete(values.id ?? '')),
  },
  {
    method: 'GET',
    path: '/cluster/backup-info/not-backed-up',
    needs: ROOT,
    run: ({ state }) => {
      const backed = new Set([...state.jobs.values()].flatMap((one) => String(one.vmid ?? '').split(',')));
      return [...state.guests.values()]
        .filter((one) => !one.config.template && !backed.has(String(one.vmid)))
        .map((one) => ({ vmid: one.vmid, type: one.type, name: nameOf(one) }));
    },
  },
  {
    method: 'GET',
    path: '/cluster/ha/resources',
    needs: ROOT,
    run: ({ state }) =>
      managed(state).map((one) => ({
        sid: sidOf(one),
        type: one.type === 'qemu' ? 'vm' : 'ct',
        state: one.ha,
        digest: digestOf(one.ha),
      })),
  },
  { method: 'GET', path: '/cluster/ha/status/current', needs: ROOT, run: ({ state }) => haStatus(state) },
  {
    method: 'POST',
    path: '/cluster/ha/resources',
    params: { sid: 'string!', state: 'string', comment: 'string' },
    needs: ['/', 'Sys.Console'],
    run: ({ state, values }) => {
      const guest = bySid(state, values.sid);
      if (guest.ha !== undefined) throw died(`resource ID '${values.sid}' already defined`);
      guest.ha = values.state ?? 'started';
      return null;
    },
  },
  {
    method: 'PUT',
    path: '/cluster/ha/resources/{sid}',
    params: { state: 'string', comment: 'string', digest: 'string' },
    needs: ['/', 'Sys.Console'],
    run: ({ state, values }) => {
      const guest = bySid(state, values.sid);
      if (values.state !== undefined) {
        guest.ha = values.state;
        guest.status = values.state === 'started' ? 'running' : 'stopped';
      }
      return null;
    },
  },
  {
    method: 'DELETE',
    path: '/cluster/ha/resources/{sid}',
    params: { purge: 'boolean' },
    needs: ['/', 'Sys.Console'],
    run: ({ state, values }) => {
      bySid(state, values.sid).ha = undefined;
      return null;
    },
  },
];

const pick = (values: Readonly<Record<string, string>>, names: Parameters): Row =>
  Object.fromEntries(Object.entries(values).filter(([name]) => name in names));

function job(state: State, id = ''): Row {
  const found = state.jobs.get(id);
  if (!found) throw died(`No such job '${id}'`);
  return found;
}

const managed = (state: State): SimGuest[] => [...state.guests.values()].filter((one) => one.ha !== undefined);
const sidOf = ({ type, vmid }: SimGuest): string => `${type === 'qemu' ? 'vm' : 'ct'}:${vmid}`;
const nameOf = ({ type, config }: SimGuest): unknown => (type === 'qemu' ? config.name : config.hostname);

function bySid(state: State, sid = ''): SimGuest {
  const guest = [...state.guests.values()].find((one) => sidOf(one) === sid);
  if (!guest) throw died(`no such resource '${sid}'`);
  return guest;
}

function haStatus(state: State): Row[] {
  const services = managed(state).map((one) => {
    const sid = sidOf(one);
    return {
      type: 'service',
      id: `service:${sid}`,
      sid,
      node: one.node,
      state: one.ha,
      status: `${sid} (${one.node}, ${one.ha})`,
    };
  });
  return [{ type: 'quorum', id: 'quorum', node: 'pve1', status: 'OK', quorate: 1 }, ...services];
}

function status({ nodes, cluster }: State): Row[] {
  const entries = [...nodes].map(([name, state], index) => ({
    type: 'node',
    id: `node/${name}`,
    name,
    ip: `192.0.2.${index + 1}`,
    online: state === 'online' ? 1 : 0,
    local: index === 0 ? 1 : 0,
  }));
  return cluster === undefined
    ? entries
    : [{ type: 'cluster', id: 'cluster', name: cluster, version: 3, nodes: nodes.size, quorate: 1 }, ...entries];
}

function clusterTasks({ tasks, may, user }: Context): Row[] {
  return tasks
    .list()
    .filter((one) => one.user === user || may(`/nodes/${one.node}`, 'Sys.Audit'))
    .map((one) => ({
      upid: one.upid,
      node: one.node,
      type: one.type,
      id: one.id,
      user: one.user,
      starttime: one.starttime,
      ...(one.exitstatus && { endtime: one.endtime, status: one.exitstatus }),
    }));
}

function resources({ state, values, may }: Context): Row[] {
  const nodes = [...state.nodes].map(([node, online]) =>
    online === 'online'
      ? {
          id: `node/${node}`,
          type: 'node',
          node,
          status: online,
          level: '',
          cpu: 0.125,
          maxcpu: 16,
          mem: 16 * GIB,
          maxmem: 64 * GIB,
          disk: 10 * GIB,
          maxdisk: 100 * GIB,
          uptime: 864_000,
        }
      : { id: `node/${node}`, type: 'node', node, status: online, level: '' },
  );
  const guests = [...state.guests.values()].filter((one) => may(`/vms/${one.vmid}`, 'VM.Audit')).map(guestRow);
  const storages = state.storages
    .filter((one) => may(`/storage/${one.storage}`, 'Datastore.Audit|Datastore.AllocateSpace'))
    .flatMap(({ storage, type, content, shared, total, used, nodes: on }) =>
      on.map((node) => ({
        id: `storage/${node}/${storage}`,
        type: 'storage',
        node,
        storage,
        status: state.nodes.get(node) === 'online' ? 'available' : 'unknown',
        plugintype: type,
        content: content.join(','),
        shared: Number(shared),
        disk: used,
        maxdisk: total,
      })),
    );
  const sdn = [...state.nodes.keys()].map((node) => ({
    id: `sdn/${node}/localnetwork`,
    type: 'sdn',
    node,
    sdn: 'localnetwork',
    status: 'ok',
  }));
  const groups: Readonly<Record<string, readonly Row[]>> = { vm: guests, node: nodes, storage: storages, sdn };
  if (values.type === undefined) return [...nodes, ...guests, ...storages, ...sdn];
  const chosen = groups[values.type];
  if (!chosen)
    throw invalid('type', `value '${values.type}' does not have a value in the enumeration 'vm, storage, node, sdn'`);
  return [...chosen];
}

function guestRow(guest: SimGuest): Row {
  const { type, vmid, node, config, pool, lock, ha } = guest;
  const running = guest.status === 'running';
  return {
    id: `${type}/${vmid}`,
    type,
    vmid,
    node,
    name: nameOf(guest),
    status: guest.status,
    template: Number(config.template ?? 0),
    cpu: running ? 0.25 : 0,
    maxcpu: Number(config.cores ?? 1),
    mem: running ? Math.min(GIB, Number(config.memory ?? 512) * 2 ** 19) : 0,
    maxmem: Number(config.memory ?? 512) * 2 ** 20,
    disk: type === 'lxc' && running ? GIB : 0,
    maxdisk: sizesOf(config),
    uptime: running ? 90_061 : 0,
    diskread: 0,
    diskwrite: 0,
    netin: 0,
    netout: 0,
    ...(config.tags !== undefined && { tags: config.tags }),
    ...(pool !== undefined && { pool }),
    ...(lock !== undefined && { lock }),
    ...(ha !== undefined && { hastate: ha }),
  };
}
