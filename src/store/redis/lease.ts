import { randomUUID } from 'node:crypto';
import type { Lease } from '../../core/lease.ts';
import { type Backoff, backoffDelay } from '../../core/retry.ts';
import { RedisConnection, type RedisOptions } from './connection.ts';
import { DEFAULT_PREFIX, RedisKeys } from './keys.ts';

/** Of its time the holder uses this part, so that clocks may run at slightly different speeds. */
const USED = 0.9;
const RETRY: Backoff = { baseMs: 50, maxMs: 500 };

export interface RedisLeaseOptions extends RedisOptions {
  /** First part of every key; `mcp:` by default. */
  readonly prefix?: string;
  /** How long the lease outlives its holder, milliseconds. */
  readonly ttlMs: number;
  /** A number in [0, 1). */
  readonly random: () => number;
  /** Milliseconds since any fixed moment, by a clock that is never set. */
  readonly monotonic: () => number;
}

/**
 * The lease of the one controller among several: a key with a TTL, renewed three times in that. Redis counts from when a
 * renewal arrives, this side from when it was sent, which is earlier, so `lost` comes first. What a holder does that was
 * stopped in the middle (SIGSTOP, a paused machine) is fenced by its epoch (docs/adr/0008-fenced-by-the-record.md).
 */
export class RedisLease implements Lease {
  readonly epoch: number;
  readonly #options: RedisLeaseOptions;
  readonly #redis: RedisConnection;
  readonly #key: string;
  readonly #holder: string;
  readonly #lost = new AbortController();
  readonly #over = new AbortController();
  readonly #work: Promise<unknown>;
  #until: number;

  private constructor(held: Held, options: RedisLeaseOptions) {
    this.epoch = held.epoch;
    this.#options = options;
    this.#redis = held.redis;
    this.#key = held.key;
    this.#holder = held.holder;
    this.#until = held.sent + options.ttlMs * USED;
    this.#work = Promise.all([this.#renew(), this.#watch()]);
  }

  /**
   * Waits until the lease is free, an outage of Redis included, and takes it.
   * Rejects with the reason of `signal` when it aborts; nothing is held then.
   */
  static async acquire(options: RedisLeaseOptions, signal: AbortSignal): Promise<RedisLease> {
    const { clock, ttlMs, random, monotonic } = options;
    const keys = new RedisKeys(options.prefix ?? DEFAULT_PREFIX);
    const holder = randomUUID();
    const redis = new RedisConnection(options);
    const backoff = { baseMs: RETRY.baseMs, maxMs: ttlMs / 3 };
    try {
      for (let failures = 1; ; failures++) {
        signal.throwIfAborted();
        const sent = monotonic();
        const take = redis.ask((client) => client.acquireLease(keys.lease, keys.epoch, holder, String(ttlMs)));
        const epoch = await take.catch(() => 0); // an outage: as good as held
        signal.throwIfAborted();
        // An answer that came too late to be of use: taken again.
        if (epoch > 0 && monotonic() < sent + ttlMs * USED)
          return new RedisLease({ epoch, redis, key: keys.lease, holder, sent }, options);
        await clock.sleep(backoffDelay(backoff, failures, random()), signal);
      }
    } catch (error) {
      await release(redis, keys.lease, holder);
      throw error;
    }
  }

  get lost(): AbortSignal {
    if (this.#options.monotonic() >= this.#until) this.#lose('it could not be renewed in time');
    return this.#lost.signal;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#over.signal.aborted) return;
    this.#over.abort();
    this.#lose('it was released');
    await this.#work;
    await release(this.#redis, this.#key, this.#holder);
  }

  #lose(why: string): void {
    if (!this.#lost.signal.aborted) this.#lost.abort(new Error(`the lease is lost: ${why}`));
  }

  async #renew(): Promise<void> {
    const { ttlMs, random, monotonic } = this.#options;
    for (let failures = 0; ; ) {
      if (!(await this.#sleep(failures === 0 ? ttlMs / 3 : backoffDelay(RETRY, failures, random())))) return;
      const sent = monotonic();
      const renew = this.#redis.ask((client) => client.renewLease(this.#key, this.#holder, String(ttlMs)));
      const kept = await renew.catch(() => undefined);
      if (kept === undefined) {
        failures += 1;
        continue;
      }
      if (kept === 0) return this.#lose('it is gone, or another has it');
      failures = 0;
      // Once lost it stays lost, whatever an answer that comes late may say.
      if (!this.lost.aborted) this.#until = sent + ttlMs * USED;
    }
  }

  /** `lost` aborts by itself when the time is up. */
  async #watch(): Promise<void> {
    while (!this.lost.aborted && (await this.#sleep(this.#until - this.#options.monotonic())));
  }

  /** False: it is lost or over. */
  async #sleep(ms: number): Promise<boolean> {
    const end = AbortSignal.any([this.#lost.signal, this.#over.signal]);
    return this.#options.clock.sleep(Math.max(1, Math.ceil(ms)), end).then(
      () => true,
      () => false,
    );
  }
}

interface Held {
  readonly epoch: number;
  readonly redis: RedisConnection;
  readonly key: string;
  readonly holder: string;
  readonly sent: number;
}

/** As well as it can be done now; else the TTL does it. */
async function release(redis: RedisConnection, key: string, holder: string): Promise<void> {
  if (redis.client.status === 'ready') await redis.ask((client) => client.releaseLease(key, holder)).catch(() => {});
  await redis[Symbol.asyncDispose]();
}
