import { PassThrough, Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { CliIo } from '../../src/cli/io.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { ProcessTable } from '../../src/os/process-table.ts';
import { configurationsAt } from '../../src/roles/configurations.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** A terminal for the command line: everything that makes it can be set. */
export interface FakeTerminal {
  readonly env?: Record<string, string>;
  readonly cwd?: string;
  readonly tty?: string | undefined;
  readonly leader?: number;
  readonly stdin?: Readable;
}

/** A process table in which every process belongs to one terminal. */
export function processesOn(tty: string | undefined, leader: number | undefined): ProcessTable {
  const identity = (pid: number) => ({ pid, startedAt: `start of ${pid}` });
  return {
    identity,
    isAlive: () => true,
    leader: () => (leader === undefined ? undefined : identity(leader)),
    tty: () => tty,
    descendants: () => [],
    carrying: () => [],
    usage: () => ({ cpuSeconds: 0, memoryBytes: 0, pids: 0 }),
  };
}

/** An `io` for `runCli`, and what was written to it. */
export function cliIo(terminal: FakeTerminal = {}) {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const written = { stdout: '', stderr: '' };
  stdout.setEncoding('utf8').on('data', (text: string) => {
    written.stdout += text;
  });
  stderr.setEncoding('utf8').on('data', (text: string) => {
    written.stderr += text;
  });
  const io: CliIo = {
    stdin: terminal.stdin ?? Readable.from([]),
    stdout,
    stderr,
    env: { ...terminal.env },
    cwd: terminal.cwd ?? '/work space',
    pid: 100,
    ppid: 1,
    hostname: 'here',
    processes: processesOn('tty' in terminal ? terminal.tty : '/dev/pts/7', terminal.leader ?? 50),
    clock: systemClock,
    random: () => 0,
    configurations: async () =>
      configurationsAt({ env: terminal.env ?? {}, cwd: terminal.cwd ?? '/work space', uid: 1000 }, ROOT, systemClock),
  };
  return { io, written };
}
