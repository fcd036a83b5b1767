import { createHmac } from 'node:crypto';
import type { Config } from '../config.ts';
import { AppError } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import { RedisBus } from '../store/redis/bus.ts';
import { DEFAULT_PREFIX, RedisKeys } from '../store/redis/keys.ts';
import { RedisSignals } from '../store/redis/signals.ts';
import { assemble, type Parts } from './parts.ts';

/** What one replica of several is made of. */
export interface Replica {
  readonly parts: Parts;
  readonly bus: RedisBus;
  /** The deployment's name in channels: who has not its key cannot guess it. */
  readonly deployment: string;
}

/**
 * Like `assemble`, for a process that shares store and signals with others.
 * @param role who wants it
 * @throws AppError `config.invalid` if the store is not one that several processes can share
 */
export async function assembleReplica(
  role: 'gateway' | 'controller',
  config: Config,
  { root, log, held }: { readonly root: string; readonly log: Logger; readonly held: AsyncDisposableStack },
): Promise<Replica> {
  if (config.store === 'embedded')
    throw new AppError(
      'config.invalid',
      `The role ${role} shares its store with others: set MCP_SESSION_MANAGER_STORE to the URL of a Redis server, or run \`npm start\`, which needs none`,
    );
  const parts = await assemble(role, config, { root, log, held });
  const deployment = createHmac('sha256', parts.deployment.key).update('channels').digest('base64url').slice(0, 16);
  const bus = held.use(new RedisBus({ url: config.store, clock: parts.clock }));
  const signals = held.use(new RedisSignals(bus, new RedisKeys(DEFAULT_PREFIX).signals(deployment)));
  return { parts: { ...parts, signals }, bus, deployment };
}
