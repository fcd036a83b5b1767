import { join } from 'node:path';
import { readManagerFile } from '../config/manager-file.ts';
import { ownDirectory } from '../config/own-file.ts';
import type { Config } from '../config.ts';
import { AppError } from '../core/errors.ts';
import type { Lease } from '../core/lease.ts';
import { FileLease } from '../store/embedded/file-lease.ts';

/**
 * Takes the lease of the state directory, and that of the directory for running servers: two managers on one of either
 * would end each other's servers.
 * @returns the state directory's lease; its disposal releases both
 * @throws AppError `lease.held` that says who is there and what to do
 */
export async function takeLeases({ state, runtimeRoot }: Pick<Config, 'state' | 'runtimeRoot'>): Promise<Lease> {
  await using held = new AsyncDisposableStack();
  ownDirectory(state);
  const lease = held.use(
    await take(state, () => {
      const manager = readManagerFile(state);
      const who = manager ? `process ${manager.pid}, ${manager.url}` : 'it does not listen yet';
      return `A session manager is running with the state directory ${state} already (${who}): use it, stop it first, or give this one another directory with MCP_SESSION_MANAGER_STATE, and another with MCP_SESSION_MANAGER_RUNTIME_ROOT`;
    }),
  );
  held.use(await takeRuntimeRoot(runtimeRoot));
  const all = held.move();
  return { epoch: lease.epoch, lost: lease.lost, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

/** Takes the lease of the directory for running servers alone. @throws AppError `lease.held` */
export async function takeRuntimeRoot(runtimeRoot: string): Promise<Lease> {
  ownDirectory(runtimeRoot);
  return take(
    runtimeRoot,
    () =>
      `A session manager with another state directory runs its servers in ${runtimeRoot}: give this one another directory with MCP_SESSION_MANAGER_RUNTIME_ROOT`,
  );
}

async function take(directory: string, held: () => string): Promise<Lease> {
  try {
    return await FileLease.acquire(join(directory, 'lease.db'));
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'lease.held') throw error;
    throw new AppError('lease.held', held(), { cause: error });
  }
}
