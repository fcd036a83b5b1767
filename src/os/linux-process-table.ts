import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type { ResourceUsage } from '../core/runtime.ts';
import type { ProcessIdentity } from '../core/session.ts';
import type { ProcessTable } from './process-table.ts';

/** `USER_HZ`: the unit of times in /proc, the same on every architecture that Node runs on (time(7)). */
const TICKS_PER_SECOND = 100;
/** Major numbers of pseudo terminals, `/dev/pts/0` and up (Linux, Documentation/admin-guide/devices.txt). */
const PTS_MAJOR = 136;
const PTS_MAJORS = 8;

/** Flag of kernel threads (Linux, include/linux/sched.h). */
const PF_KTHREAD = 0x0020_0000;
/** How often to look again at a process that loads its program, which takes it microseconds. */
const LOADING_LOOKS = 1_000;

/** What is used of `/proc/{pid}/stat` (proc_pid_stat(5)). */
export interface ProcStat {
  /** One letter; `Z` and `X` have ended. */
  readonly state: string;
  readonly parent: number;
  readonly session: number;
  /** A thread of the kernel, which has no environment. */
  readonly kernel: boolean;
  /** It is just becoming another program (execve(2)): its environment is there in a moment. */
  readonly loading: boolean;
  readonly tty: { readonly major: number; readonly minor: number };
  /** User and system time with that of children which were waited for, clock ticks. */
  readonly cpuTicks: number;
  /** Clock ticks since boot. */
  readonly startTicks: string;
}

/** Reads a line of `/proc/{pid}/stat`. The program's name in it may hold anything, `)` and spaces too. */
export function parseStat(line: string): ProcStat {
  // fields[0] is field 3 of the manual page.
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  const number = (field: number) => Number(fields[field - 3]);
  const device = number(7);
  const kernel = (number(9) & PF_KTHREAD) !== 0;
  return {
    state: fields[0] ?? '',
    parent: number(4),
    session: number(6),
    kernel,
    loading: !kernel && fields[51 - 3] === '0',
    tty: { major: (device >> 8) & 0xfff, minor: (device & 0xff) | ((device >>> 12) & 0xfff00) },
    cpuTicks: number(14) + number(15) + number(16) + number(17),
    startTicks: fields[22 - 3] ?? '',
  };
}

/** The process table of Linux, read from /proc. */
export class LinuxProcessTable implements ProcessTable {
  /** Start times count from boot, so they mean something only together with it. */
  readonly #boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  /** Kernels are built without these lists now and then (CONFIG_PROC_CHILDREN). */
  readonly #listsChildren = existsSync(`/proc/${process.pid}/task/${process.pid}/children`);

  identity(pid: number): ProcessIdentity | undefined {
    const stat = statOf(pid);
    return stat && { pid, startedAt: `${stat.startTicks} ${this.#boot}` };
  }

  isAlive(identity: ProcessIdentity): boolean {
    return this.identity(identity.pid)?.startedAt === identity.startedAt;
  }

  leader(pid: number): ProcessIdentity | undefined {
    const stat = statOf(pid);
    return stat && this.identity(stat.session);
  }

  tty(pid: number): string | undefined {
    const device = statOf(pid)?.tty;
    if (!device || device.major === 0) return undefined;
    const pts = device.major - PTS_MAJOR;
    if (pts >= 0 && pts < PTS_MAJORS) return `/dev/pts/${pts * 256 + device.minor}`;
    const name = read(`/sys/dev/char/${device.major}:${device.minor}/uevent`)?.match(/^DEVNAME=(.+)$/m)?.[1];
    return name && `/dev/${name}`;
  }

  descendants(pid: number): number[] {
    const childrenOf = this.#listsChildren ? listedChildren : scannedChildren();
    const found = new Set([pid]);
    for (const parent of found) for (const child of childrenOf(parent)) found.add(child);
    found.delete(pid);
    return [...found];
  }

  carrying(name: string, value: string): number[] {
    const wanted = `\0${name}=${value}\0`;
    // In Latin-1, which is one character per byte, a value in any encoding is found.
    const bytes = Buffer.from(wanted).toString('latin1');
    return allPids().filter((pid) => `\0${environmentOf(pid)}`.includes(bytes));
  }

  usage(pids: readonly number[]): ResourceUsage {
    let ticks = 0;
    let kibibytes = 0;
    let count = 0;
    for (const pid of pids) {
      const stat = statOf(pid);
      if (!stat) continue;
      ticks += stat.cpuTicks;
      kibibytes += Number(read(`/proc/${pid}/status`)?.match(/^VmRSS:\s*(\d+) kB$/m)?.[1] ?? 0);
      count++;
    }
    return { cpuSeconds: ticks / TICKS_PER_SECOND, memoryBytes: kibibytes * 1024, pids: count };
  }
}

/** A file of /proc; undefined if it is gone, or not ours to read. */
function read(path: string, encoding: BufferEncoding = 'utf8'): string | undefined {
  try {
    return readFileSync(path, encoding);
  } catch {
    return undefined;
  }
}

function statOf(pid: number): ProcStat | undefined {
  const line = read(`/proc/${pid}/stat`);
  if (!line) return undefined;
  const stat = parseStat(line);
  return stat.state === 'Z' || stat.state === 'X' ? undefined : stat;
}

/** The environment that a process was started with, in Latin-1; empty if it is gone or not ours to read. */
function environmentOf(pid: number): string {
  for (let look = 0; look < LOADING_LOOKS; look++) {
    const text = read(`/proc/${pid}/environ`, 'latin1');
    // Without the second look a process in the middle of execve(2) would be missed, and outlive its instance.
    if (text !== '' || !statOf(pid)?.loading) return text ?? '';
  }
  return '';
}

function allPids(): number[] {
  return readdirSync('/proc').map(Number).filter(Number.isInteger);
}

/** Children by the kernel's own lists, one per thread that forked them: costs what the tree is large, not the machine. */
function listedChildren(pid: number): number[] {
  let threads: string[];
  try {
    threads = readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
  return threads.flatMap((thread) => numbers(read(`/proc/${pid}/task/${thread}/children`) ?? ''));
}

const numbers = (text: string): number[] => text.split(' ').filter(Boolean).map(Number);

/** Children by one look at every process of the machine. */
function scannedChildren(): (pid: number) => number[] {
  const children = new Map<number, number[]>();
  for (const pid of allPids()) {
    const parent = statOf(pid)?.parent;
    if (parent === undefined) continue;
    const siblings = children.get(parent);
    if (siblings) siblings.push(pid);
    else children.set(parent, [pid]);
  }
  return (pid) => children.get(pid) ?? [];
}
