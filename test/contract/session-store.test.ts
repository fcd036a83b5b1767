import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { EmbeddedStore } from '../../src/store/embedded/store.ts';
import { RedisStore } from '../../src/store/redis/store.ts';
import { RedisServer } from '../support/redis.ts';
import { RedisCluster } from '../support/redis-cluster.ts';
import { requires } from '../support/requires.ts';
import { sessionStoreContract } from './session-store.ts';
import type { StoreHarness } from './store-pair.ts';

describe('embedded store', () => sessionStoreContract(embedded));
requires('redis')('redis store', () => sessionStoreContract(redis));
requires('redis')('redis cluster store', () => sessionStoreContract(redisCluster));

async function embedded(): Promise<StoreHarness> {
  const directory = await mkdtemp(join(tmpdir(), 'store-'));
  let time = 1_700_000_000_000;
  const clock = { now: () => time, sleep: systemClock.sleep };
  const open = () => new EmbeddedStore({ path: join(directory, 'store.db'), clock });
  const stores = [open(), open()] as const;
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

const redis = async () => harnessOf(await RedisServer.start());
const redisCluster = async () => harnessOf(await RedisCluster.start());

function harnessOf(server: AsyncDisposable & { readonly url: string }): StoreHarness {
  const open = () => new RedisStore({ url: server.url, clock: systemClock });
  const stores = [open(), open()] as const;
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
