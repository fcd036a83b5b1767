import { hostname } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import type { Clock } from '../core/clock.ts';
import { systemClock } from '../core/clock.ts';
import type { Configurations } from '../core/configurations.ts';
import { openProcessTable } from '../os/open-process-table.ts';
import type { ProcessTable } from '../os/process-table.ts';

/** All that the command line has of the world, so that a test can give it another one. */
export interface CliIo {
  readonly stdin: Readable;
  /** For what a command was asked for; `init`, `headers`, `mcp-config` and `connect` write nothing else there. */
  readonly stdout: Writable;
  /** For people. */
  readonly stderr: Writable;
  readonly env: NodeJS.ProcessEnv;
  /** Absolute path. */
  readonly cwd: string;
  readonly pid: number;
  readonly ppid: number;
  readonly hostname: string;
  readonly processes: ProcessTable;
  readonly clock: Clock;
  /** A number in [0, 1). */
  readonly random: () => number;
  /** What the manager of this state directory is configured with. */
  readonly configurations: () => Promise<Configurations>;
}

/** The world of this process; what does not lie in `src/cli` is given. */
export function processIo(configurations: CliIo['configurations']): CliIo {
  process.stdout.on('error', () => {}); // a reader that went away (`status | head`) is no reason for a stack trace
  return {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    cwd: process.cwd(),
    pid: process.pid,
    ppid: process.ppid,
    hostname: hostname(),
    processes: openProcessTable(),
    clock: systemClock,
    random: Math.random,
    configurations,
  };
}
