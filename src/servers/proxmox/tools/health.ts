import * as z from 'zod';
import { type Resource, record, records, resources, tasks as taskList } from '../answers.ts';
import { permitted } from '../permitted.ts';
import { route } from '../route.ts';
import { type Call, defineTool, fromServer } from '../tool.ts';
import { percent } from '../units.ts';

const share = z.number().min(0).max(1);
const problem = z.object({
  severity: z.enum(['critical', 'warning']),
  target: z.string(),
  problem: z.string(),
});
type Problem = z.output<typeof problem>;

/** `pve_health_report`: what a person should look at. */
export const healthReport = defineTool({
  name: 'pve_health_report',
  title: 'Health of a Proxmox cluster',
  description:
    'What is wrong or soon will be: nodes that are down, full storages and disks, memory, failed tasks, guests without backup, failed replication, locked guests.',
  operation: 'monitor',
  input: z.strictObject({
    storage_share: share.default(0.85).describe('Storage fuller than this is a problem'),
    memory_share: share.default(0.9),
    cpu_share: share.default(0.9),
    task_hours: z.number().min(0).max(720).default(24).describe('How long ago failed tasks still count'),
  }),
  output: z.object({
    ...fromServer,
    healthy: z.boolean(),
    problems: z.array(problem),
    notes: z.array(z.string()).describe('What this login may not see'),
  }),
  async run(call, limits) {
    const notes: string[] = [];
    const all = await call.get('/cluster/resources', resources);
    const nodes = all.filter((one) => one.type === 'node');
    const up = nodes.filter((one) => one.status === 'online').map((one) => one.node ?? '');
    const [unprotected, failed, ...perNode] = await Promise.all([
      permitted(call, '/cluster/backup-info/not-backed-up', records, notes),
      failedTasks(call, limits.task_hours, notes),
      ...up.map((node) => nodeProblems(call, node, limits.storage_share, notes)),
    ]);
    const problems = [
      ...all.filter(onceEach()).flatMap((one) => resourceProblems(one, limits)),
      ...perNode.flat(),
      ...failed,
      ...(unprotected ?? []).map((one) => warning(`${one.type}/${one.vmid}`, 'is in no backup job')),
    ].sort((a, b) => a.severity.localeCompare(b.severity));
    const lines = problems.map((one) => `${one.severity}: ${one.target} ${one.problem}`);
    const structured = { server: call.server, healthy: problems.length === 0, problems, notes };
    return { structured, text: [...(lines.length > 0 ? lines : ['Nothing is wrong']), ...notes].join('\n') };
  },
});

const critical = (target: string, text: string): Problem => ({ severity: 'critical', target, problem: text });
const warning = (target: string, text: string): Problem => ({ severity: 'warning', target, problem: text });

/** A storage that nodes share is one, however often it is listed. */
function onceEach(): (one: Resource) => boolean {
  const seen = new Set<string>();
  return ({ id, shared, storage, status }) => {
    const key = shared && storage !== undefined && status === 'available' ? `storage/${storage}` : id;
    return seen.size !== seen.add(key).size;
  };
}

function resourceProblems(
  one: Resource,
  limits: { storage_share: number; memory_share: number; cpu_share: number },
): Problem[] {
  const { id, status, mem = 0, maxmem = 0, disk = 0, maxdisk = 0, cpu = 0 } = one;
  const problems: Problem[] = [];
  const above = (part: number, whole: number, limit: number) => whole > 0 && part / whole > limit;
  if (one.type === 'node' && status !== 'online') return [critical(id, `is ${status ?? 'unknown'}`)];
  if (one.type === 'storage') {
    if (status !== 'available') return [critical(id, 'is not available')];
    if (above(disk, maxdisk, limits.storage_share)) problems.push(warning(id, `is ${percent(disk / maxdisk)} full`));
    return problems;
  }
  if (one.type !== 'node' && one.type !== 'qemu' && one.type !== 'lxc') return [];
  if (above(mem, maxmem, limits.memory_share))
    problems.push(warning(id, `uses ${percent(mem / maxmem)} of its memory`));
  if (cpu > limits.cpu_share) problems.push(warning(id, `uses ${percent(cpu)} of its CPU`));
  if (one.lock !== undefined) problems.push(warning(id, `is locked (${one.lock})`));
  if (one.hastate === 'error') problems.push(critical(id, 'is in state error for high availability'));
  return problems;
}

async function failedTasks(call: Call, hours: number, notes: string[]): Promise<Problem[]> {
  const since = call.clock.now() / 1000 - hours * 3600;
  const tasks = (await permitted(call, '/cluster/tasks', taskList, notes)) ?? [];
  return tasks
    .filter((one) => (one.starttime ?? 0) >= since && one.status !== undefined)
    .filter((one) => !/^(OK|WARNINGS: .*|RUNNING|running)$/.test(one.status ?? ''))
    .map((one) => warning(`${one.type} ${one.id ?? ''}`.trim(), `failed on ${one.node}: ${one.status}`));
}

async function nodeProblems(call: Call, node: string, full: number, notes: string[]): Promise<Problem[]> {
  const [status, replication] = await Promise.all([
    permitted(call, route`/nodes/${node}/status`, record, notes),
    permitted(call, route`/nodes/${node}/replication`, records, notes),
  ]);
  const root = z.object({ used: z.number(), total: z.number() }).safeParse(status?.rootfs).data;
  const problems: Problem[] = [];
  if (root && root.used / root.total > full)
    problems.push(warning(`node/${node}`, `has a root file system ${percent(root.used / root.total)} full`));
  for (const job of replication ?? []) {
    if (Number(job.fail_count ?? 0) > 0)
      problems.push(warning(`replication ${job.id}`, `fails: ${job.error ?? 'no reason given'}`));
  }
  return problems;
}
