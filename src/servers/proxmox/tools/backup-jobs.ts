import * as z from 'zod';
import { AppError } from '../../../core/errors.ts';
import { backupJobs } from '../answers.ts';
import { digestOf, findGuests, storageName, vmids } from '../guests.ts';
import { defineChange } from '../proposal.ts';
import { route } from '../route.ts';
import type { Call, Change } from '../tool.ts';

const id = z.string().regex(/^[A-Za-z][A-Za-z0-9._-]{1,49}$/);

/** `pve_backup_job`: backups that are made by the clock. */
export const backupJob = defineChange({
  name: 'pve_backup_job',
  title: 'Backup jobs of Proxmox',
  description: 'Lists, creates, updates, deletes a scheduled backup job, or runs its backups now.',
  operation: 'backup',
  effects: ['read', 'write', 'destructive'],
  input: z.strictObject({
    action: z.enum(['list', 'create', 'update', 'delete', 'run']),
    id: id.optional().describe('Which job; with create its name, made by Proxmox if absent'),
    schedule: z.string().max(128).optional().describe('Calendar event, for example "mon..fri 02:00"'),
    storage: storageName.optional(),
    vmids: vmids.optional(),
    mode: z.enum(['snapshot', 'suspend', 'stop']).optional(),
    enabled: z.boolean().optional(),
    comment: z.string().max(512).optional(),
  }),
  extra: { jobs: z.array(z.record(z.string(), z.unknown())).optional() },
  async run(call, args) {
    const jobs = await call.get('/cluster/backup', backupJobs);
    if (args.action === 'list') {
      const structured = { server: call.server, applied: false, changes: [], notes: [], jobs };
      return {
        structured,
        text: jobs.map((one) => `${one.id}: ${one.schedule} to ${one.storage}`).join('\n') || 'No jobs',
      };
    }
    const { action, schedule, storage, vmids: numbers, mode, enabled, comment } = args;
    if (numbers) await findGuests(call, numbers);
    const vmid = numbers?.join(',');
    const params = { schedule, storage, vmid, mode, enabled, comment };
    if (action === 'create') {
      if (!schedule || !storage || !vmid)
        throw new AppError('params.invalid', 'create needs schedule, storage and vmids');
      const change = { method: 'POST' as const, path: '/cluster/backup', params: { id: args.id, ...params } };
      const about = { action: 'create backup job', target: args.id ?? 'new job', guests: numbers ?? [] };
      return { changes: [{ ...change, ...about, ...interruption(mode) }] };
    }
    const job = oneOf(jobs, args.id);
    const guests = numbers ?? job.vmid?.split(',').map(Number) ?? [];
    const base = { target: `job/${job.id}`, guests };
    const path = route`/cluster/backup/${job.id}`;
    const basis = { job: digestOf(job) };
    const itsMode = typeof job.mode === 'string' ? job.mode : undefined;
    if (action === 'update') {
      const change = { ...base, ...interruption(mode ?? itsMode), method: 'PUT' as const, path, params };
      return { changes: [{ ...change, action: 'update backup job' }], basis };
    }
    if (action === 'delete') {
      const impact = 'these guests are not backed up by it any more; backups that there are stay';
      return {
        changes: [{ ...base, method: 'DELETE', path, destructive: true, impact, action: 'delete backup job' }],
        basis,
      };
    }
    return { changes: await backupsOf(call, job, itsMode), basis };
  },
});

type Job = z.output<typeof backupJobs>[number];

function oneOf(jobs: readonly Job[], id = ''): Job {
  const job = jobs.find((one) => one.id === id);
  if (job) return job;
  const known = jobs.map((one) => one.id).join(', ') || 'none';
  throw new AppError('params.invalid', `There is no job "${id}"; there are: ${known}`);
}

/** What a job does by the clock, now. */
async function backupsOf(call: Call, job: Job, mode: string | undefined): Promise<Change[]> {
  if (job.vmid === undefined || job.storage === undefined) {
    throw new AppError(
      'params.invalid',
      `Job ${job.id} names no guests of its own; use pve_create_backup for those you want`,
    );
  }
  const found = await findGuests(call, job.vmid.split(',').map(Number));
  return found.map((guest) => ({
    method: 'POST',
    path: route`/nodes/${guest.node}/vzdump`,
    params: { vmid: guest.vmid, storage: job.storage, mode },
    action: `back up as job ${job.id} does`,
    target: `${guest.type}/${guest.vmid}`,
    guests: [guest.vmid],
    guest,
    ...interruption(mode),
  }));
}

/** A backup in another mode than `snapshot` ends what the guest does meanwhile. */
function interruption(mode: string | undefined): Pick<Change, 'destructive' | 'impact'> {
  if (mode === undefined || mode === 'snapshot') return { destructive: false };
  return { destructive: true, impact: `the guests do not work while they are backed up (mode ${mode})` };
}
