import type { ResourceUsage } from '../core/runtime.ts';
import type { ProcessIdentity } from '../core/session.ts';

/**
 * The processes of this machine. Everything is synchronous and a snapshot: a process that has vanished meanwhile is
 * simply not there, and a zombie counts as gone.
 */
export interface ProcessTable {
  /** The process that has `pid` now. */
  identity(pid: number): ProcessIdentity | undefined;
  /** True while this very process runs: false once its pid belongs to another. */
  isAlive(identity: ProcessIdentity): boolean;
  /**
   * The process that lives as long as the terminal of `pid`. Linux: the leader of its session (which may have no
   * terminal). Elsewhere: its topmost ancestor on the same tty; undefined without one.
   */
  leader(pid: number): ProcessIdentity | undefined;
  /** The controlling terminal of `pid`, such as `/dev/pts/3`. */
  tty(pid: number): string | undefined;
  /** Children of `pid`, their children and so on, as far as every parent between still runs. Without `pid`. */
  descendants(pid: number): number[];
  /**
   * Processes that were started with `name=value` in their environment: finds those that left their tree and their
   * group. Linux only, elsewhere none; and only those whose environment this user may read.
   */
  carrying(name: string, value: string): number[];
  /** What these processes use together, and children of theirs that have ended used. */
  usage(pids: readonly number[]): ResourceUsage;
}
