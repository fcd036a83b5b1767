import { died } from '../failure.ts';
import type { Context, Parameters, Route } from '../router.ts';
import type { SimTask } from '../sim-tasks.ts';
import { digestOf, guestAt, type Row } from '../state.ts';
import { points } from './guest-config.ts';

const GIB = 2 ** 30;
const AUDIT: Route['needs'] = ['/nodes/{node}', 'Sys.Audit'];
const SYSLOG: Route['needs'] = ['/nodes/{node}', 'Sys.Syslog'];
const at = (path: string) => `/nodes/{node}${path}`;
const LINES = ['begin', 'middle', 'end'];

const NODE_ROUTES: readonly Route[] = [
  {
    method: 'GET',
    path: '/nodes',
    run: ({ state }) =>
      [...state.nodes].map(([node, status]) => ({ node, status, type: 'node', ssl_fingerprint: '00' })),
  },
  {
    method: 'GET',
    path: at('/status'),
    needs: AUDIT,
    run: () => ({
      pveversion: 'pve-manager/9.1.1',
      loadavg: ['0.10', '0.20', '0.30'],
      uptime: 864_000,
      memory: { used: 16 * GIB, total: 64 * GIB },
      rootfs: { used: 10 * GIB, total: 100 * GIB },
    }),
  },
  {
    method: 'GET',
    path: at('/services'),
    needs: AUDIT,
    run: () => [
      { name: 'pveproxy', state: 'running' },
      { name: 'pvestatd', state: 'dead' },
    ],
  },
  {
    method: 'GET',
    path: at('/disks/list'),
    needs: AUDIT,
    run: () => [{ devpath: '/dev/sda', size: 2 ** 40, health: 'PASSED' }],
  },
  {
    method: 'GET',
    path: at('/apt/update'),
    needs: ['/nodes/{node}', 'Sys.Modify'],
    run: () => [{ Package: 'pve-manager', Version: '9.1.2' }],
  },
  { method: 'GET', path: at('/certificates/info'), run: () => [{ filename: 'pve-ssl.pem' }] },
  {
    method: 'GET',
    path: at('/network'),
    params: { type: 'string' },
    run: ({ values }) =>
      [
        { iface: 'vmbr0', type: 'bridge', cidr: '192.0.2.1/24', active: 1 },
        { iface: 'eno1', type: 'eth', active: 1 },
      ].filter((one) => values.type === undefined || one.type === values.type),
  },
  {
    method: 'GET',
    path: at('/syslog'),
    params: { limit: 'integer', since: 'string' },
    needs: SYSLOG,
    run: ({ values }) => LINES.slice(-Number(values.limit ?? 50)).map((t, n) => ({ n, t })),
  },
  {
    method: 'GET',
    path: at('/journal'),
    params: { lastentries: 'integer', since: 'integer' },
    needs: SYSLOG,
    run: () => LINES,
  },
  {
    method: 'GET',
    path: at('/firewall/log'),
    params: { limit: 'integer', since: 'integer' },
    needs: SYSLOG,
    run: () => LINES.map((t, n) => ({ n, t })),
  },
  {
    method: 'GET',
    path: at('/rrddata'),
    params: { timeframe: 'string!', cf: 'string' },
    needs: AUDIT,
    run: ({ now }) => points(now()),
  },
  {
    method: 'GET',
    path: at('/replication'),
    params: { guest: 'integer' },
    run: () => [{ id: '100-0', fail_count: 0 }],
  },
  {
    method: 'GET',
    path: at('/tasks'),
    params: {
      source: 'string',
      errors: 'boolean',
      typefilter: 'string',
      vmid: 'integer',
      since: 'integer',
      limit: 'integer',
      start: 'integer',
    },
    run: nodeTasks,
  },
  { method: 'GET', path: at('/tasks/{upid}/status'), run: (context) => statusOf(taskIn(context)) },
  {
    method: 'GET',
    path: at('/tasks/{upid}/log'),
    params: { start: 'integer', limit: 'integer' },
    run: (context) =>
      taskIn(context)
        .log.slice(0, Number(context.values.limit ?? 50))
        .map((t, index) => ({ n: index + 1, t })),
  },
  {
    method: 'DELETE',
    path: at('/tasks/{upid}'),
    run: (context) => {
      const { upid, user, node } = taskIn(context);
      if (user !== context.user) context.check(`/nodes/${node}`, 'Sys.Modify');
      context.tasks.stop(upid);
      return null;
    },
  },
];

function taskIn({ tasks, values, user, check }: Context): SimTask {
  const task = tasks.get(values.upid ?? '');
  if (task.user !== user) check(`/nodes/${task.node}`, 'Sys.Audit');
  return task;
}

function statusOf({
  endsAt: _,
  log: _log,
  endtime: _end,
  exitstatus,
  upid,
  node,
  type,
  id,
  user,
  starttime,
}: SimTask): Row {
  const status = exitstatus === undefined ? { status: 'running' } : { status: 'stopped', exitstatus };
  return { upid, node, type, id, user, starttime, pid: 1, pstart: 1, ...status };
}

function nodeTasks({ tasks, values, user, may }: Context): Row[] {
  const { node = '', typefilter, vmid, since, limit = '50', errors, source = 'archive' } = values;
  return tasks
    .list()
    .filter((one) => one.node === node && (one.user === user || may(`/nodes/${node}`, 'Sys.Audit')))
    .filter((one) => source === 'all' || (source === 'active') === (one.exitstatus === undefined))
    .filter((one) => typefilter === undefined || one.type === typefilter)
    .filter((one) => vmid === undefined || one.id === vmid)
    .filter((one) => since === undefined || one.starttime >= Number(since))
    .filter((one) => errors !== '1' || !/^(OK|WARNINGS)/.test(one.exitstatus ?? 'OK'))
    .slice(0, Number(limit))
    .map((one) => ({
      upid: one.upid,
      node,
      type: one.type,
      id: one.id,
      user: one.user,
      starttime: one.starttime,
      endtime: one.endtime,
      status: one.exitstatus ?? 'RUNNING',
    }));
}

const RULE: Parameters = {
  type: 'string',
  action: 'string',
  enable: 'integer',
  macro: 'string',
  iface: 'string',
  source: 'string',
  dest: 'string',
  proto: 'string',
  sport: 'string',
  dport: 'string',
  log: 'string',
  comment: 'string',
  digest: 'string',
};

/** The places that have firewall rules. */
const PLACES: readonly (readonly [string, string, string])[] = [
  ['/cluster', '/', 'Sys'],
  ['/nodes/{node}', '/nodes/{node}', 'Sys'],
  ['/nodes/{node}/qemu/{vmid}', '/vms/{vmid}', 'VM'],
  ['/nodes/{node}/lxc/{vmid}', '/vms/{vmid}', 'VM'],
];

const FIREWALL_ROUTES: readonly Route[] = PLACES.flatMap(([place, path, kind]): Route[] => {
  const read: Route['needs'] = [path, `${kind}.Audit`];
  const write: Route['needs'] = [path, kind === 'VM' ? 'VM.Config.Network' : 'Sys.Modify'];
  const base = `${place}/firewall/rules`;
  return [
    { method: 'GET', path: base, needs: read, run: (context) => numbered(rulesOf(context, place)) },
    {
      method: 'POST',
      path: base,
      params: { ...RULE, type: 'string!', action: 'string!', pos: 'integer' },
      needs: write,
      run: (context) => edit(context, place, (rules) => void rules.unshift(given(context))),
    },
    {
      method: 'PUT',
      path: `${base}/{pos}`,
      params: { ...RULE, delete: 'string', moveto: 'integer' },
      needs: write,
      run: (context) => edit(context, place, (rules) => void Object.assign(ruleAt(rules, context), given(context))),
    },
    {
      method: 'DELETE',
      path: `${base}/{pos}`,
      params: { digest: 'string' },
      needs: write,
      run: (context) => edit(context, place, (rules) => void rules.splice(rules.indexOf(ruleAt(rules, context)), 1)),
    },
  ];
});

function rulesOf(context: Context, place: string): Row[] {
  const { state, values } = context;
  const { node = '', vmid } = values;
  const type = place.split('/')[3];
  if (type !== undefined) guestAt(state, node, type, vmid ?? '');
  const key = place.replace(/\{(\w+)\}/g, (_, name: string) => values[name] ?? '');
  const rules = state.firewall.get(key) ?? [];
  state.firewall.set(key, rules);
  return rules;
}

const numbered = (rules: readonly Row[]): Row[] => rules.map((one, pos) => ({ ...one, pos, digest: digestOf(rules) }));

const given = ({ values }: Context): Row =>
  Object.fromEntries(Object.entries(values).filter(([name]) => name in RULE && name !== 'digest'));

function edit(context: Context, place: string, change: (rules: Row[]) => void): null {
  const rules = rulesOf(context, place);
  const { digest } = context.values;
  if (digest !== undefined && digest !== digestOf(rules))
    throw died('detected modified configuration - file changed by other user? Try again.');
  change(rules);
  return null;
}

function ruleAt(rules: readonly Row[], { values }: Context): Row {
  const rule = rules[Number(values.pos)];
  if (!rule) throw died(`no rule at position ${values.pos}`);
  return rule;
}

const ACCESS_ROUTES: readonly Route[] = [
  { method: 'GET', path: '/access/users', run: () => [{ userid: 'root@pam', enable: 1 }] },
  { method: 'GET', path: '/access/groups', run: () => [{ groupid: 'admins' }] },
  { method: 'GET', path: '/access/roles', run: () => [{ roleid: 'PVEAuditor', privs: 'VM.Audit' }] },
  {
    method: 'GET',
    path: '/access/acl',
    run: () => [{ path: '/', ugid: 'root@pam', roleid: 'Administrator', type: 'user' }],
  },
  { method: 'GET', path: '/access/domains', run: () => [{ realm: 'pam', type: 'pam' }] },
  { method: 'GET', path: '/access/users/{userid}/token', run: () => [{ tokenid: 'mcp', privsep: 1 }] },
  { method: 'GET', path: '/pools', run: ({ state }) => state.pools.map((poolid) => ({ poolid })) },
  {
    method: 'GET',
    path: '/access/permissions',
    params: { path: 'string' },
    run: ({ values, may }) => {
      const paths = values.path === undefined ? ['/', '/vms', '/storage', '/nodes'] : [values.path];
      return Object.fromEntries(
        paths.map((path) => [path, may(path, 'VM.Audit') ? { 'VM.Audit': 1, 'VM.PowerMgmt': 1 } : {}]),
      );
    },
  },
  {
    method: 'POST',
    path: '/access/users',
    params: { userid: 'string!', password: 'string' },
    needs: ['/access', 'User.Modify'],
    run: () => null,
  },
];

export const OTHER_ROUTES: readonly Route[] = [...NODE_ROUTES, ...FIREWALL_ROUTES, ...ACCESS_ROUTES];
