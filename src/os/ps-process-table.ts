import { spawnSync } from 'node:child_process';
import type { ResourceUsage } from '../core/runtime.ts';
import type { ProcessIdentity } from '../core/session.ts';
import type { ProcessTable } from './process-table.ts';

/** One process as `ps` shows it. */
export interface PsRow {
  readonly pid: number;
  readonly parent: number;
  /** Letters; the first one `Z` has ended. */
  readonly state: string;
  /** `?` or `??` without one; else the name in /dev. */
  readonly tty: string;
  readonly memoryKib: number;
  readonly cpuSeconds: number;
  /** In UTC, to the second. */
  readonly startedAt: string;
}

/** How long `ps` may take, milliseconds: everything else waits for it. */
const ANSWER_MS = 5000;
/** POSIX knows no start time and no state; these keywords are the same in the `ps` of macOS, the BSDs and procps. */
const COLUMNS = 'pid=,ppid=,state=,tty=,rss=,time=,lstart=';
const ROW = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(\S+)\s+(\d+)\s+([\d:.-]+)\s+(\S.*\S)\s*$/;

/** Reads what `ps -o pid=,ppid=,state=,tty=,rss=,time=,lstart=` prints; lines that are no process are left out. */
export function parsePs(output: string): PsRow[] {
  return output.split('\n').flatMap((line) => {
    const [, pid, parent, state = '', tty = '', memory, time = '', startedAt = ''] = ROW.exec(line) ?? [];
    if (pid === undefined || state.startsWith('Z')) return [];
    const numbers = { pid: Number(pid), parent: Number(parent), memoryKib: Number(memory) };
    return [{ ...numbers, state, tty, cpuSeconds: secondsOf(time), startedAt: startedAt.replace(/\s+/g, ' ') }];
  });
}

/** `[[days-]hours:]minutes:seconds[.hundredths]` in seconds. */
function secondsOf(time: string): number {
  const [clock = '', days = '0'] = time.split('-').reverse();
  return clock.split(':').reduce((sum, part) => sum * 60 + Number(part), 0) + Number(days) * 86_400;
}

/** The process table of every system with `ps` but without Linux's /proc: macOS, the BSDs. */
export class PsProcessTable implements ProcessTable {
  identity(pid: number): ProcessIdentity | undefined {
    const row = rows(['-p', String(pid)])[0];
    return row && { pid, startedAt: row.startedAt };
  }

  isAlive(identity: ProcessIdentity): boolean {
    return this.identity(identity.pid)?.startedAt === identity.startedAt;
  }

  leader(pid: number): ProcessIdentity | undefined {
    const all = new Map(rows(['-A']).map((row) => [row.pid, row]));
    let top = all.get(pid);
    if (!top || !hasTty(top)) return undefined;
    for (;;) {
      const parent = all.get(top.parent);
      if (!parent || parent.tty !== top.tty) return { pid: top.pid, startedAt: top.startedAt };
      top = parent;
    }
  }

  tty(pid: number): string | undefined {
    const row = rows(['-p', String(pid)])[0];
    return row && hasTty(row) ? `/dev/${row.tty}` : undefined;
  }

  descendants(pid: number): number[] {
    const all = rows(['-A']);
    const found = new Set([pid]);
    for (const parent of found) for (const row of all) if (row.parent === parent) found.add(row.pid);
    found.delete(pid);
    return [...found];
  }

  carrying(): number[] {
    return [];
  }

  usage(pids: readonly number[]): ResourceUsage {
    const found = pids.length === 0 ? [] : rows(['-p', pids.join(',')]);
    return {
      cpuSeconds: found.reduce((sum, row) => sum + row.cpuSeconds, 0),
      memoryBytes: found.reduce((sum, row) => sum + row.memoryKib, 0) * 1024,
      pids: found.length,
    };
  }
}

const hasTty = (row: PsRow): boolean => /^[^?-]/.test(row.tty);

/** Asks `ps` once. In the C locale and UTC, so that a start time is worded the same whoever asks. */
function rows(selection: readonly string[]): PsRow[] {
  const env = { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' };
  const limits = { maxBuffer: 64 << 20, timeout: ANSWER_MS };
  const result = spawnSync('ps', [...selection, '-o', COLUMNS], { env, encoding: 'utf8', ...limits });
  if (result.error) throw result.error;
  return parsePs(result.stdout);
}
