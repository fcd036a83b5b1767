import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a running manager says about itself: where the command line finds it. */
export interface ManagerFile {
  /** Base URL, without a slash at its end. */
  readonly url: string;
  readonly pid: number;
}

const pathIn = (state: string): string => join(state, 'manager.json');

/** What the manager that started last said; undefined if it has ended in order or the file cannot be read. */
export function readManagerFile(state: string): ManagerFile | undefined {
  try {
    return JSON.parse(readFileSync(pathIn(state), 'utf8')) as ManagerFile;
  } catch {
    return undefined;
  }
}

/** Replaces the file at once, so that a reader sees the old one or the new one. */
export function writeManagerFile(state: string, manager: ManagerFile): void {
  const path = pathIn(state);
  const next = `${path}.${manager.pid}`;
  writeFileSync(next, `${JSON.stringify(manager)}\n`, { mode: 0o600 });
  renameSync(next, path);
}

/** Removes the file if it is still that of process `pid`. */
export function removeManagerFile(state: string, pid: number): void {
  if (readManagerFile(state)?.pid === pid) rmSync(pathIn(state), { force: true });
}
