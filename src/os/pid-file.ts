import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { AppError } from '../core/errors.ts';
import { formatPidFile, type PidFile, parsePidFile } from '../core/pid-file.ts';
import type { InstanceLabels } from '../core/runtime.ts';
import type { ProcessTable } from './process-table.ts';

/** How often a dead process's file is cleared away for a claim; only somebody else's claims use more than one. */
const ATTEMPTS = 5;

/**
 * Makes this process the one that has the pid file, for as long as it lives. The file appears whole or not at all, and
 * a dead process's file is replaced.
 * @param path in a directory that is there and that nobody else may write to
 * @throws AppError `server.busy` if a live process has it
 */
export function claimPidFile(path: string, labels: InstanceLabels, table: ProcessTable): void {
  const identity = table.identity(process.pid);
  if (!identity) throw new Error(`process ${process.pid} does not find itself in the process table`);
  const own = `${path}.${process.pid}`;
  writeFileSync(own, formatPidFile({ process: identity, labels }), { mode: 0o600 });
  try {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (linked(own, path)) return;
      if (!removeDeadPidFile(path, table)) break;
    }
  } finally {
    rmSync(own, { force: true });
  }
  const pid = readPidFile(path)?.process.pid ?? 'unknown';
  throw new AppError('server.busy', `${labels.server} of this session runs already: process ${pid}; stop it first`);
}

/** The pid file at `path`; undefined if there is none or it is not a whole one. */
export function readPidFile(path: string): PidFile | undefined {
  let text = '';
  unless('ENOENT', () => {
    text = readFileSync(path, 'utf8');
  });
  return parsePidFile(text);
}

/**
 * Removes a pid file whose process has ended.
 * @returns false if its process lives; it is left as it is
 */
export function removeDeadPidFile(path: string, table: ProcessTable): boolean {
  if (isHeld(path, table)) return false;
  // Between this look and an unlink a new process may have claimed it: take it away first, then look again.
  const taken = `${path}.${process.pid}.old`;
  if (!unless('ENOENT', () => renameSync(path, taken))) return true;
  const held = isHeld(taken, table);
  if (held) linked(taken, path);
  rmSync(taken, { force: true });
  return !held;
}

function isHeld(path: string, table: ProcessTable): boolean {
  const file = readPidFile(path);
  return file !== undefined && table.isAlive(file.process);
}

/** False: there is a file at `path`. */
const linked = (from: string, path: string): boolean => unless('EEXIST', () => linkSync(from, path));

/** Does `work`; false if it fails with this code. */
function unless(code: string, work: () => void): boolean {
  try {
    work();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === code) return false;
    throw error;
  }
}
