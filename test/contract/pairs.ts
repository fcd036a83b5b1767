import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import type { RedisOptions } from '../../src/store/redis/connection.ts';
import type { RedisServer } from '../support/redis.ts';
import type { RedisCluster } from '../support/redis-cluster.ts';

/** Above any stall of the machine: Redis is there all along, and is to be waited for, milliseconds. */
export const PATIENCE_MS = 10_000;

/** Two handles on the same data, as two replicas have, and the time by which it expires. */
export interface Pair<Handle> extends AsyncDisposable {
  readonly stores: readonly [Handle, Handle];
  /** Milliseconds since the epoch. */
  now(): number;
  /** Resolves when at least `ms` have passed. */
  pass(ms: number): Promise<void>;
}

/** On a file of its own, by a time that passes only when it is told to. */
export async function pairInFile<Handle extends AsyncDisposable>(
  open: (options: { path: string; clock: Clock }) => Handle,
): Promise<Pair<Handle>> {
  const directory = await mkdtemp(join(tmpdir(), 'store-'));
  let time = 1_700_000_000_000;
  const clock = { now: () => time, sleep: systemClock.sleep };
  const path = join(directory, 'store.db');
  const stores = [open({ path, clock }), open({ path, clock })] as const;
  return {
    stores,
    now: clock.now,
    pass: async (ms) => {
      time += ms;
    },
    [Symbol.asyncDispose]: async () => {
      for (const store of stores) await store[Symbol.asyncDispose]();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** On a server of its own, which ends with them. */
export async function pairOn<Handle extends AsyncDisposable>(
  starting: Promise<RedisServer | RedisCluster>,
  open: (options: RedisOptions) => Handle,
): Promise<Pair<Handle>> {
  const server = await starting;
  const options = { url: server.url, clock: systemClock, commandTimeoutMs: PATIENCE_MS };
  const stores = [open(options), open(options)] as const;
  return {
    stores,
    now: systemClock.now,
    pass: systemClock.sleep,
    [Symbol.asyncDispose]: async () => {
      for (const store of stores) await store[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}
