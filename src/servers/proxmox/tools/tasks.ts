import * as z from 'zod';
import { tasks as taskList, taskLog, taskStatus } from '../answers.ts';
import { nodeName, vmid } from '../guests.ts';
import { defineChange } from '../proposal.ts';
import { route, withQuery } from '../route.ts';
import { awaitTask, endOf, nodeOfTask, taskPath, upid } from '../tasks.ts';
import { defineTool, fromServer } from '../tool.ts';

/** `pve_list_tasks`: what was done, and what is being done. */
export const listTasks = defineTool({
  name: 'pve_list_tasks',
  title: 'List Proxmox tasks',
  description:
    'Tasks of the cluster, newest first; of one node also old ones. Without Sys.Audit only those of this login.',
  operation: 'monitor',
  input: z.strictObject({
    node: nodeName.optional().describe('A node; without one the recent tasks of all'),
    vmid: vmid.optional(),
    type: z
      .string()
      .regex(/^[a-z]+$/)
      .optional()
      .describe('For example qmstart, vzdump, qmsnapshot'),
    errors: z.boolean().default(false).describe('Only those that failed'),
    since: z.iso.datetime({ offset: true }).optional().describe('Only begun since then, ISO 8601'),
    source: z.enum(['archive', 'active', 'all']).default('all').describe('With node: ended, running, or both'),
    limit: z.int().min(1).max(500).default(50),
  }),
  output: z.object({
    ...fromServer,
    tasks: z.array(
      z.object({
        upid: z.string(),
        node: z.string().optional(),
        type: z.string().optional(),
        id: z.string().optional(),
        user: z.string().optional(),
        status: z.string().describe('running, OK, WARNINGS: n, or the error'),
        started: z.string().optional(),
        ended: z.string().optional(),
      }),
    ),
  }),
  async run(call, { node, vmid: number, type, errors, since, source, limit }) {
    const from = since === undefined ? undefined : Math.floor(Date.parse(since) / 1000);
    const params = { vmid: number, typefilter: type, errors: errors || undefined, since: from, source, limit };
    const path = node === undefined ? '/cluster/tasks' : withQuery(route`/nodes/${node}/tasks`, params);
    const tasks = (await call.get(path, taskList))
      .filter((one) => number === undefined || one.id === String(number))
      .filter((one) => type === undefined || one.type === type)
      .filter((one) => from === undefined || (one.starttime ?? 0) >= from)
      .filter((one) => !errors || (isOver(one.status) && !/^(OK|WARNINGS: .*)$/.test(one.status ?? '')))
      .slice(0, limit)
      .map((one) => ({
        upid: one.upid,
        node: one.node,
        type: one.type,
        id: one.id,
        user: one.user,
        status: isOver(one.status) ? (one.status ?? 'running') : 'running',
        started: isoOf(one.starttime),
        ended: isoOf(one.endtime),
      }));
    const lines = tasks.map((one) => `${one.started ?? '?'} ${one.node} ${one.type} ${one.id ?? ''}: ${one.status}`);
    return { structured: { server: call.server, tasks }, text: lines.join('\n') || 'No tasks' };
  },
});

const isOver = (status: string | undefined): boolean => status !== undefined && !/^running$/i.test(status);

const isoOf = (seconds: number | undefined): string | undefined =>
  seconds === undefined ? undefined : new Date(seconds * 1000).toISOString();

/** `pve_task`: one task, and the end of its log. */
export const task = defineTool({
  name: 'pve_task',
  title: 'A Proxmox task',
  description: 'How a task is, with the end of its log; waits for it to end if told to.',
  operation: 'monitor',
  input: z.strictObject({
    upid,
    wait_seconds: z.int().min(0).max(3600).default(0).describe('How long to wait for it to end'),
    log_tail: z.int().min(0).max(500).default(20).describe('How many lines of its log'),
  }),
  output: z.object({
    ...fromServer,
    upid: z.string(),
    type: z.string().optional(),
    id: z.string().optional(),
    user: z.string().optional(),
    outcome: z.enum(['done', 'warnings', 'failed', 'running']),
    message: z.string().optional(),
    log: z.array(z.string()),
  }),
  async run(call, { upid: id, wait_seconds, log_tail }) {
    if (wait_seconds > 0) await awaitTask(call, id, wait_seconds * 1000);
    const status = await call.get(`${taskPath(id)}/status`, taskStatus);
    const lines = log_tail > 0 ? await call.get(`${taskPath(id)}/log?limit=50000`, taskLog) : [];
    const log = lines.slice(-log_tail).map((line) => line.t);
    const { outcome, message } = endOf(status);
    const structured = {
      server: call.server,
      upid: id,
      type: status.type,
      id: status.id,
      user: status.user,
      outcome,
      message,
      log,
    };
    return { structured, text: [`${status.type} ${status.id ?? ''}: ${message ?? outcome}`, ...log].join('\n') };
  },
});

/** `pve_stop_task`: ends a task that runs. */
export const stopTask = defineChange({
  name: 'pve_stop_task',
  title: 'Stop a Proxmox task',
  description: 'Stops a running task. What it had begun stays half done.',
  operation: 'manage_vms',
  effects: ['destructive'],
  idempotent: true,
  input: z.strictObject({ upid }),
  async run(call, { upid: id }) {
    const { status, type, id: of } = await call.get(`${taskPath(id)}/status`, taskStatus);
    if (status !== 'running') return { changes: [], notes: [`${id} has ended`] };
    const change = {
      method: 'DELETE' as const,
      path: taskPath(id),
      action: `stop task ${type}`,
      target: id,
      guests: /^[1-9]\d{2,8}$/.test(of ?? '') ? [Number(of)] : [],
      destructive: true,
      impact: `${type} of ${of || nodeOfTask(id)} stays half done`,
    };
    return { changes: [change] };
  },
});
