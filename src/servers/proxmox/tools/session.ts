import * as z from 'zod';
import { records, version } from '../answers.ts';
import { withQuery } from '../route.ts';
import { OPERATIONS } from '../schema.ts';
import { defineTool, fromServer } from '../tool.ts';

/** path -> privilege -> 1, or 0 where it is not passed on to what is below. */
const permissions = z.record(z.string(), z.record(z.string(), z.unknown()));

/** `pve_whoami`: the login, and what Proxmox allows it. */
export const whoami = defineTool({
  name: 'pve_whoami',
  title: 'Who this session is for Proxmox',
  description: 'The user or API token of this session, and its privileges, on every path or on one.',
  operation: 'monitor',
  input: z.strictObject({ path: z.string().startsWith('/').optional().describe('For example /vms/100') }),
  output: z.object({
    ...fromServer,
    version: z.string(),
    identity: z.string(),
    permissions: z.record(z.string(), z.array(z.string())).describe('Path -> privileges'),
  }),
  async run(call, { path }) {
    const [release, all] = await Promise.all([
      call.get('/version', version),
      call.get(withQuery('/access/permissions', { path }), permissions),
    ]);
    const identity = call.session.servers.find((one) => one.name === call.server)?.identity ?? '';
    const lists = Object.fromEntries(Object.entries(all).map(([at, granted]) => [at, Object.keys(granted).sort()]));
    const lines = Object.entries(lists).map(([at, list]) => `${at}: ${list.join(', ') || 'nothing'}`);
    return {
      structured: { server: call.server, version: release.version, identity, permissions: lists },
      text: [`${identity} on Proxmox VE ${release.version}`, ...lines].join('\n'),
    };
  },
});

/** `pve_list_servers`: what this session is configured for. */
export const listServers = defineTool({
  name: 'pve_list_servers',
  title: 'Proxmox servers of this session',
  description: 'The Proxmox servers that this session can use, and what its configuration allows. Asks none of them.',
  operation: 'monitor',
  local: true,
  input: z.strictObject({}),
  output: z.object({
    default_server: z.string(),
    servers: z.array(
      z.object({
        name: z.string(),
        origin: z.string(),
        identity: z.string(),
        verify_ssl: z.boolean(),
        pinned: z.boolean().describe('The fingerprint of its certificate is in the configuration'),
        timeout: z.number().describe('Seconds'),
      }),
    ),
    security: z.object({
      allowed_operations: z.array(z.enum(OPERATIONS)),
      enable_destructive_operations: z.boolean(),
      max_vms_per_operation: z.number(),
      max_storage_gb: z.number(),
    }),
  }),
  async run({ session }) {
    const { defaultServer, servers, security } = session;
    const lines = servers.map((one) => `${one.name}: ${one.origin} as ${one.identity}`);
    const allowed = `Allowed: ${security.allowed_operations.join(', ') || 'nothing'}; destructive: ${security.enable_destructive_operations ? 'yes' : 'no'}`;
    return {
      structured: {
        default_server: defaultServer,
        servers: [...servers],
        security: { ...security, allowed_operations: [...security.allowed_operations] },
      },
      text: [...lines, allowed].join('\n'),
    };
  },
});

/** `pve_audit_log`: what this session changed. */
export const auditLog = defineTool({
  name: 'pve_audit_log',
  title: 'What this session changed in Proxmox',
  description:
    'The record of every change that this session made or tried: who, tool, target, result, UPID. Newest last.',
  operation: 'monitor',
  local: true,
  input: z.strictObject({
    since: z.iso.datetime({ offset: true }).optional().describe('ISO 8601'),
    limit: z.int().min(1).max(1000).default(100),
  }),
  output: z.object({
    records: z.array(z.record(z.string(), z.unknown())),
    incomplete: z.boolean().describe('Older records than are kept made room'),
  }),
  async run({ session }, { since, limit }) {
    const from = since === undefined ? 0 : Date.parse(since);
    const { records, incomplete } = await session.audit();
    const own = records.filter((one) => Date.parse(one.time) >= from).slice(-limit);
    const lines = own.map((one) => `${one.time} ${one.who} ${one.tool} ${one.action} ${one.target}: ${one.result}`);
    const text = [...(incomplete ? ['Older records made room'] : []), ...lines].join('\n') || 'Nothing was changed';
    return { structured: { records: own.map((one) => ({ ...one })), incomplete }, text };
  },
});

const KINDS = {
  users: '/access/users',
  groups: '/access/groups',
  roles: '/access/roles',
  acl: '/access/acl',
  domains: '/access/domains',
  pools: '/pools',
} as const;

/** `pve_access_list`: users and what belongs to them. */
export const accessList = defineTool({
  name: 'pve_access_list',
  title: 'Users, roles and permissions of Proxmox',
  description: 'Users, groups, roles, access control list, API tokens (of one user), realms or pools.',
  operation: 'monitor',
  input: z.strictObject({
    kind: z.enum(['users', 'groups', 'roles', 'acl', 'tokens', 'domains', 'pools']),
    userid: z
      .string()
      .regex(/^[^\s:/!]+@[A-Za-z0-9._-]+$/)
      .optional()
      .describe('With tokens: whose; this login if absent'),
  }),
  output: z.object({ ...fromServer, kind: z.string(), entries: z.array(z.record(z.string(), z.unknown())) }),
  async run(call, { kind, userid }) {
    const identity = call.session.servers.find((one) => one.name === call.server)?.identity ?? '';
    const user = userid ?? identity.replace(/!.*$/, '');
    const path = kind === 'tokens' ? `/access/users/${encodeURIComponent(user)}/token` : KINDS[kind];
    const entries = await call.get(path, records);
    return {
      structured: { server: call.server, kind, entries },
      text: entries.map((one) => JSON.stringify(one)).join('\n') || `No ${kind}`,
    };
  },
});
