import { readFileSync } from 'node:fs';
import type { ResourceUsage } from '../core/runtime.ts';

/**
 * What this container uses, by its control group as the container sees it (Linux, Documentation/admin-guide/cgroup-v2.rst;
 * cgroup-v1/memory.rst, cpuacct.rst, pids.rst). File cache that the kernel can drop at any time is not counted, as
 * `docker stats` does not.
 * @param root where control groups are mounted
 * @returns undefined where there are none, and for the group of a whole machine, which says nothing of the kind
 */
export function cgroupUsage(root = '/sys/fs/cgroup'): ResourceUsage | undefined {
  return unified(root) ?? legacy(root);
}

/**
 * How many processes of this container were killed because its memory was used up (Linux 4.13 or later).
 * @returns undefined where the control groups do not say
 */
export function cgroupOomKills(root = '/sys/fs/cgroup'): number | undefined {
  return field(`${root}/memory.events`, 'oom_kill') ?? field(`${root}/memory/memory.oom_control`, 'oom_kill');
}

function unified(root: string): ResourceUsage | undefined {
  const used = number(`${root}/memory.current`);
  const microseconds = field(`${root}/cpu.stat`, 'usage_usec');
  const pids = number(`${root}/pids.current`);
  if (used === undefined || microseconds === undefined || pids === undefined) return undefined;
  const cache = field(`${root}/memory.stat`, 'inactive_file') ?? 0;
  return { memoryBytes: Math.max(0, used - cache), cpuSeconds: microseconds / 1e6, pids };
}

function legacy(root: string): ResourceUsage | undefined {
  const used = number(`${root}/memory/memory.usage_in_bytes`);
  const nanoseconds = number(`${root}/cpuacct/cpuacct.usage`);
  const pids = number(`${root}/pids/pids.current`);
  if (used === undefined || nanoseconds === undefined || pids === undefined) return undefined;
  const cache = field(`${root}/memory/memory.stat`, 'total_inactive_file') ?? 0;
  return { memoryBytes: Math.max(0, used - cache), cpuSeconds: nanoseconds / 1e9, pids };
}

function number(path: string): number | undefined {
  const text = read(path)?.trim();
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

/** One line `name value` of a file of such lines. */
function field(path: string, name: string): number | undefined {
  const line = read(path)
    ?.split('\n')
    .find((each) => each.startsWith(`${name} `));
  return line === undefined ? undefined : Number(line.slice(name.length));
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
