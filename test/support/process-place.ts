import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import type { Logger } from '../../src/core/logger.ts';
import type { Instance } from '../../src/core/runtime.ts';
import { openProcessTable } from '../../src/os/open-process-table.ts';
import { ProcessRuntime } from '../../src/runtime/process/process-runtime.ts';
import type { RuntimePlace } from '../contract/runtime.ts';
import type { HostBehaviour } from '../fakes/fake-host.ts';
import { processesOf } from './processes-of.ts';

const FAKE_HOST = fileURLToPath(new URL('../fakes/fake-host.ts', import.meta.url));

export const silentLog: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLog,
};

/** Time that passes so many times as fast, so that a deadline of seconds can be waited for. */
export const clockAtSpeed = (speed: number): Clock => ({
  now: () => systemClock.now() * speed,
  sleep: (ms, signal) => systemClock.sleep(ms / speed, signal),
});

export const hurriedClock = clockAtSpeed(20);

export interface ProcessPlace extends RuntimePlace {
  readonly root: string;
  runtime(behaviour?: HostBehaviour, env?: NodeJS.ProcessEnv, hostCommand?: readonly string[]): ProcessRuntime;
}

/** A process runtime's root in a temporary directory. */
export async function openProcessPlace(): Promise<ProcessPlace> {
  const directory = await mkdtemp(join(tmpdir(), 'mcp-'));
  const root = join(directory, 'run');
  const table = openProcessTable();
  const runtime: ProcessPlace['runtime'] = (
    behaviour = 'good',
    env = process.env,
    hostCommand = [process.execPath, FAKE_HOST, behaviour],
  ) =>
    new ProcessRuntime({
      root,
      hostCommand,
      table,
      clock: behaviour === 'deaf' ? hurriedClock : systemClock,
      log: silentLog,
      env,
    });
  return {
    root,
    runtime,
    workspace: '/',
    findsRunaways: process.platform === 'linux',
    left: () => processesOf(root),
    crash: async (instance: Instance) => {
      const pid = Number(instance.name);
      process.kill(pid, 'SIGKILL');
      while (table.identity(pid)) await systemClock.sleep(5);
    },
    [Symbol.asyncDispose]: async () => {
      for (const pid of await processesOf(root)) {
        const identity = table.identity(pid);
        if (identity && table.isAlive(identity)) process.kill(pid, 'SIGKILL');
      }
      await rm(directory, { recursive: true, force: true });
    },
  };
}
