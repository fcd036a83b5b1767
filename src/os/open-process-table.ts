import { LinuxProcessTable } from './linux-process-table.ts';
import type { ProcessTable } from './process-table.ts';
import { PsProcessTable } from './ps-process-table.ts';

/** The process table of this machine: `/proc` on Linux, `ps` elsewhere. */
export function openProcessTable(): ProcessTable {
  return process.platform === 'linux' ? new LinuxProcessTable() : new PsProcessTable();
}
