import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { AppError } from '../../src/core/errors.ts';
import { FileLease } from '../../src/store/embedded/file-lease.ts';
import { RedisLease } from '../../src/store/redis/lease.ts';
import { RedisServer } from '../support/redis.ts';
import { RedisCluster } from '../support/redis-cluster.ts';
import { requires } from '../support/requires.ts';
import { type LeaseHarness, leaseContract } from './lease.ts';

describe('file lease', () => leaseContract(file));
requires('redis')('redis lease', () => leaseContract(redis));
requires('redis')('redis cluster lease', () => leaseContract(redisCluster));

async function file(): Promise<LeaseHarness> {
  const directory = await mkdtemp(join(tmpdir(), 'lease-'));
  return {
    attempt: async () => {
      try {
        return await FileLease.acquire(join(directory, 'lease.db'));
      } catch (error) {
        if (error instanceof AppError && error.code === 'lease.held') return undefined;
        throw error;
      }
    },
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true }),
  };
}

const redis = async () => harnessOf(await RedisServer.start());
const redisCluster = async () => harnessOf(await RedisCluster.start());

function harnessOf(server: AsyncDisposable & { readonly url: string }): LeaseHarness {
  const place = { url: server.url, clock: systemClock, commandTimeoutMs: 10_000, ttlMs: 60_000 };
  return {
    attempt: async () => {
      const refused = new AbortController();
      // Asked for when an attempt has failed, for the time until the next one.
      const random = () => {
        refused.abort();
        return 0;
      };
      try {
        return await RedisLease.acquire({ ...place, random, monotonic: () => performance.now() }, refused.signal);
      } catch (error) {
        if (refused.signal.aborted) return undefined;
        throw error;
      }
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
