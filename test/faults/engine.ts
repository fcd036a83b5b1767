import { execFileSync, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { eventually } from '../support/eventually.ts';
import { docker, dockerLines } from './docker.ts';

const PID_FILE = '/var/run/docker.pid';
const LOG_FILE = '/var/log/dockerd.log';
/** Longer than the longest grace of a service. */
const STOP_MS = 90_000;
const START_MS = 60_000;

/** Why the engine is not to be restarted here; undefined: it may be. `project` is the one compose project that may run. */
export async function whyEngineStays(project: string): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'only root can restart the engine';
  if (!hasSystemd() && commandLine() === undefined) return 'the engine is not of this machine';
  if ((await docker(['info', '--format', '{{.LiveRestoreEnabled}}'])) !== 'false') return 'live-restore is on';
  const others = (await dockerLines(['ps', '--format', '{{.Names}}'])).filter((name) => !name.includes(project));
  return others.length > 0 ? `other containers run: ${others.join(', ')}` : undefined;
}

/** Ends the engine in order, and starts it as it was started. */
export async function restartEngine(): Promise<void> {
  const command = commandLine();
  if (hasSystemd()) execFileSync('systemctl', ['restart', 'docker'], { timeout: STOP_MS + START_MS });
  else if (command) {
    const pid = Number(readFileSync(PID_FILE, 'utf8'));
    process.kill(pid, 'SIGTERM');
    await eventually('the engine ends', async () => isGone(pid), STOP_MS);
    const log = openSync(LOG_FILE, 'a');
    const [program = '', ...args] = command;
    spawn(program, args, { detached: true, stdio: ['ignore', log, log] }).unref();
    closeSync(log);
  }
  await eventually('the engine answers', () => docker(['version']), START_MS);
}

function hasSystemd(): boolean {
  try {
    execFileSync('systemctl', ['is-active', '--quiet', 'docker'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Of the running engine; undefined: there is none here. */
function commandLine(): string[] | undefined {
  try {
    const words = readFileSync(`/proc/${Number(readFileSync(PID_FILE, 'utf8'))}/cmdline`, 'utf8').split('\0');
    return words[0]?.endsWith('dockerd') ? words.filter((word) => word !== '') : undefined;
  } catch {
    return undefined;
  }
}

function isGone(pid: number): boolean {
  try {
    return /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8')); // nobody may be there to reap it
  } catch {
    return true;
  }
}
