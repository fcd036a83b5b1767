import * as z from 'zod';
import { AppError } from '../../core/errors.ts';
import { taskLog, taskStatus } from './answers.ts';
import { hint } from './pve-error.ts';
import { route } from './route.ts';
import type { Call } from './tool.ts';

/** How often a task is looked at: soon at first, then every two seconds, milliseconds. */
const POLL_MS = [200, 500, 1000, 2000];

/** `UPID:node:pid:pstart:starttime:type:id:user:`, numbers in hexadecimal (PVE::UPID, decode). */
const UPID =
  /^UPID:(?<node>[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?):[0-9A-F]{8}:[0-9A-F]{8,9}:(?<start>[0-9A-F]{8}):(?<type>[^:\s]+):(?<id>[^:\s]*):(?<user>[^:\s]+):$/;

export const upid = z.string().regex(UPID, 'is not a UPID').describe('UPID of a task; pve_list_tasks lists them');

/** The node that a task runs on. */
export function nodeOfTask(task: string): string {
  const node = UPID.exec(task)?.groups?.node;
  if (node === undefined) throw new AppError('params.invalid', `${task} is not a UPID; pve_list_tasks lists them`);
  return node;
}

export const isUpid = (data: unknown): data is string => typeof data === 'string' && UPID.test(data);

/** What became of a task. */
export interface TaskEnd {
  readonly outcome: 'done' | 'warnings' | 'failed' | 'running';
  readonly message?: string;
}

export const taskPath = (task: string): string => route`/nodes/${nodeOfTask(task)}/tasks/${task}`;

/** `OK` and `WARNINGS: n` are success (PVE::Tools, `upid_status_is_error`). */
export function endOf(status: z.output<typeof taskStatus>): TaskEnd {
  const { exitstatus } = status;
  if (status.status === 'running') return { outcome: 'running' };
  if (exitstatus === 'OK') return { outcome: 'done' };
  if (exitstatus?.startsWith('WARNINGS: ')) return { outcome: 'warnings', message: exitstatus };
  if (exitstatus === undefined) return { outcome: 'failed', message: 'the task ended without saying how' };
  return { outcome: 'failed', message: `${exitstatus}${hint(exitstatus)}` };
}

/**
 * Waits until a task ends, for `waitMs` at most, and says how far it is. When the call is cancelled the task goes on:
 * pve_stop_task stops it.
 */
export async function awaitTask(call: Call, task: string, waitMs: number): Promise<TaskEnd> {
  const { clock, signal } = call;
  const until = clock.now() + waitMs;
  for (let looks = 0; ; looks++) {
    const end = endOf(await call.get(`${taskPath(task)}/status`, taskStatus));
    if (end.outcome !== 'running') return end;
    const left = until - clock.now();
    if (left <= 0) return { outcome: 'running', message: 'it goes on; pve_task shows how far it is' };
    await call.progress(await lastLine(call, task));
    await clock.sleep(Math.min(left, POLL_MS[Math.min(looks, POLL_MS.length - 1)] as number), signal);
  }
}

async function lastLine(call: Call, task: string): Promise<string> {
  const type = UPID.exec(task)?.groups?.type ?? 'task';
  const lines = await call.get(`${taskPath(task)}/log?limit=500`, taskLog);
  const last = lines.findLast((line) => line.t.trim() !== '' && line.t !== 'no content');
  return last ? `${type}: ${last.t}` : `${type} is running`;
}
