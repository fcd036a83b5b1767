import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';

export const SHELLS = ['bash', 'zsh', 'fish', 'sh'] as const;
/** A shell that `init` can write for; `sh` is any that follows POSIX. */
export type Shell = (typeof SHELLS)[number];

/**
 * The shell that will evaluate what `init` writes: the parent process, else `$SHELL`, else `sh`.
 * @param parent name of the parent process' program, if it is known
 */
export function detectShell(parent: string | undefined, env: NodeJS.ProcessEnv): Shell {
  return shellNamed(parent) ?? shellNamed(env.SHELL) ?? 'sh';
}

/** The name of a process' program; undefined if it has gone. */
export function programOf(pid: number): string | undefined {
  try {
    if (process.platform === 'linux') return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
    return execFileSync('ps', ['-o', 'comm=', '-p', String(pid)], { encoding: 'utf8', timeout: 2000 }).trim();
  } catch {
    return undefined;
  }
}

function shellNamed(program: string | undefined): Shell | undefined {
  const name = basename(program ?? '').replace(/^-/, ''); // `-bash`: a login shell
  if (name === 'dash' || name === 'ash' || name === 'ksh' || name === 'mksh') return 'sh';
  return SHELLS.find((shell) => shell === name);
}
