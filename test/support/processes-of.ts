import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { systemClock } from '../../src/core/clock.ts';
import { eventually } from './eventually.ts';

/**
 * Pids of the processes with `text` in their environment or their arguments, zombies left out. Looks for itself, since it
 * judges code that looks too. Without /proc only arguments are seen.
 */
export async function processesOf(text: string): Promise<number[]> {
  // A process in the middle of execve(2) shows neither for a moment.
  await systemClock.sleep(20);
  if (process.platform !== 'linux') {
    const lines = execFileSync('ps', ['-A', '-o', 'pid=,command='], { encoding: 'utf8' }).split('\n');
    return lines.filter((line) => line.includes(text)).map((line) => Number.parseInt(line, 10));
  }
  const holds = (pid: number, file: string) => {
    try {
      return readFileSync(`/proc/${pid}/${file}`, 'utf8').includes(text);
    } catch {
      return false;
    }
  };
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && pid !== process.pid && (holds(pid, 'environ') || holds(pid, 'cmdline')));
}

/** Ends them by SIGKILL; resolves when there are none. */
export async function endProcessesOf(text: string): Promise<void> {
  await eventually('all of them are gone', async () => {
    const pids = await processesOf(text);
    for (const pid of pids) kill(pid);
    return pids.length === 0;
  });
}

/** SIGKILL for one that may have ended by itself since it was seen, as whoever reads from one that was killed does. */
function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
