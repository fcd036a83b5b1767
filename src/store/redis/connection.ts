import { once } from 'node:events';
import type { Clock } from '../../core/clock.ts';
import { messageOf, StoreUnavailable } from '../../core/errors.ts';
import { sentinelUrlOf } from '../../core/store-url.ts';
import { connectRedis, type RedisClient } from './client.ts';

export interface RedisOptions {
  /** As core/store-url.ts says, or the path of a Unix socket. */
  readonly url: string;
  readonly clock: Clock;
  /** How long one operation may take, finding a connection included, milliseconds; 600 by default. */
  readonly commandTimeoutMs?: number;
}

/** How long a write that must not be lost waits for a replica to have it, milliseconds. */
const REPLICATION_MS = 100;

/** A connection to Redis, made again whenever it breaks; each operation has one deadline over all of it. */
export class RedisConnection implements AsyncDisposable {
  readonly client: RedisClient;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #hasReplicas: boolean;

  /** Connects in the background: the first operation waits for it. */
  constructor(options: RedisOptions) {
    this.#clock = options.clock;
    this.#timeoutMs = options.commandTimeoutMs ?? 600;
    this.#hasReplicas = sentinelUrlOf(options.url) !== undefined;
    this.client = connectRedis(options.url, this.#timeoutMs);
  }

  /** One operation. Every failure of Redis or of the way to it is an outage: throws `StoreUnavailable`, and soon. */
  async ask<T>(question: (redis: RedisClient) => Promise<T>): Promise<T> {
    const settled = new AbortController();
    try {
      return await Promise.race([this.#answer(question, settled.signal), this.#timeout(settled.signal)]);
    } catch (error) {
      throw new StoreUnavailable(`Redis cannot be used (${messageOf(error)})${adviceFor(error)}`, error);
    } finally {
      settled.abort();
    }
  }

  /**
   * Waits until a replica has what was written just before: what no replica has is lost if the master dies at this moment. Not
   * for long, and not where there are none: a master that has lost its replicas still serves.
   */
  async replicated(): Promise<void> {
    if (this.#hasReplicas) await this.client.wait(1, REPLICATION_MS);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.client.status === 'ready') await this.ask((redis) => redis.quit()).catch(() => {});
    this.client.disconnect();
  }

  async #answer<T>(question: (redis: RedisClient) => Promise<T>, signal: AbortSignal): Promise<T> {
    if (this.client.status !== 'ready') await once(this.client, 'ready', { signal });
    signal.throwIfAborted();
    return question(this.client);
  }

  async #timeout(signal: AbortSignal): Promise<never> {
    await this.#clock.sleep(this.#timeoutMs, signal);
    throw new Error(`no answer within ${this.#timeoutMs} ms`);
  }
}

/** @param error of ioredis, which calls what Redis itself answers a `ReplyError` */
const adviceFor = (error: unknown): string =>
  error instanceof Error && error.name === 'ReplyError'
    ? ': it answers, and refuses; see its memory, disk and password'
    : ': see that it runs and can be reached';
