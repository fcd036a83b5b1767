import { once } from 'node:events';
import type { Clock } from '../../core/clock.ts';
import type { ConnectionRecord } from '../../core/connection.ts';
import { messageOf, StoreUnavailable } from '../../core/errors.ts';
import type { ConnectionId, SessionId } from '../../core/ids.ts';
import type { SessionRecord } from '../../core/session.ts';
import type { ConnectionStore, SessionStore } from '../../core/store.ts';
import { connectRedis, type RedisClient } from './client.ts';
import { connectionField, FIELDS, RedisKeys } from './keys.ts';

/** Sessions read at a time by `list`. */
const PAGE = 100;

export interface RedisStoreOptions {
  /** `redis://[user:password@]host:port[/db]`, `rediss://...` for TLS, or the path of a Unix socket. */
  readonly url: string;
  /** First part of every key; `mcp:` by default. */
  readonly prefix?: string;
  readonly clock: Clock;
  /** How long one operation may take, finding a connection included, milliseconds; 600 by default. */
  readonly commandTimeoutMs?: number;
}

/**
 * The store of many replicas: Redis 7.0 or later, one server or a name that leads to the master.
 *
 * Time is the Redis server's, so that replicas whose clocks differ agree on what is over, and Redis' own TTLs do the
 * expiring, with nobody running. `maxAt` is compared with it too: a replica's clock that is wrong by a minute makes the
 * sessions that it creates live a minute longer or shorter. The injected clock only measures how long Redis takes.
 *
 * A session is one key, changed by scripts of one key. The sorted set of deadlines is a list of what may be there, in a
 * slot of its own: a session is put into it before it is created and taken out only after its deadline, and only when it
 * was seen to be over, so it may name sessions that are over but lacks none that is there. Scores follow each `touch`
 * unacknowledged; one that was lost is too early, which only means that somebody looks and finds the session there.
 */
export class RedisStore implements SessionStore, ConnectionStore, AsyncDisposable {
  readonly #keys: RedisKeys;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #redis: RedisClient;

  /** Connects in the background: the first operation waits for it. */
  constructor(options: RedisStoreOptions) {
    this.#keys = new RedisKeys(options.prefix ?? 'mcp:');
    this.#clock = options.clock;
    this.#timeoutMs = options.commandTimeoutMs ?? 600;
    this.#redis = connectRedis(options.url, this.#timeoutMs);
  }

  async create(record: SessionRecord): Promise<boolean> {
    const [deadlines, session] = [this.#keys.deadlines, this.#keys.session(record.id)];
    return this.#ask(async (redis) => {
      await redis.enlist(deadlines, record.id, String(record.idleTtlMs), String(record.maxAt));
      return (await redis.createSession(session, ...values(record))) === 1;
    });
  }

  async touch(id: SessionId): Promise<SessionRecord | undefined> {
    const touched = await this.#ask((redis) => redis.touchSession(this.#keys.session(id)));
    if (!touched) return undefined;
    const [record, deadline] = touched;
    this.#redis.zadd(this.#keys.deadlines, deadline, id).catch(() => {}); // see above: a score may be too early
    return JSON.parse(record) as SessionRecord;
  }

  async peek(id: SessionId): Promise<SessionRecord | undefined> {
    return parsed(await this.#ask((redis) => redis.hget(this.#keys.session(id), 'record')));
  }

  async deadline(id: SessionId): Promise<number | undefined> {
    const at = await this.#ask((redis) => redis.pexpiretime(this.#keys.session(id)));
    return at < 0 ? undefined : at;
  }

  async replace(next: SessionRecord): Promise<boolean> {
    const before = String(next.version - 1);
    const session = this.#keys.session(next.id);
    return (await this.#ask((redis) => redis.replaceSession(session, ...values(next), before))) === 1;
  }

  async delete(id: SessionId): Promise<boolean> {
    return (await this.#ask((redis) => redis.del(this.#keys.session(id)))) === 1;
  }

  /**
   * By the deadlines, not by SCAN: SCAN walks every key of a Redis that others may use too, and every node of a cluster.
   * The ids are read in one command, so none is missed or comes twice whatever happens meanwhile.
   */
  async *list(): AsyncIterable<SessionRecord> {
    const ids = await this.#ask((redis) => redis.zrange(this.#keys.deadlines, '0', '-1'));
    for (let start = 0; start < ids.length; start += PAGE) {
      const page = ids.slice(start, start + PAGE);
      const records = await this.#ask((redis) =>
        Promise.all(page.map((id) => redis.hget(this.#keys.session(id), 'record'))),
      );
      const over = page.filter((_, n) => records[n] === null);
      if (over.length > 0) await this.#ask((redis) => redis.purge(this.#keys.deadlines, ...over));
      for (const record of records) if (record) yield JSON.parse(record) as SessionRecord;
    }
  }

  async add(record: ConnectionRecord): Promise<boolean> {
    const [session, field] = [this.#keys.session(record.session), connectionField(record.id)];
    return (await this.#ask((redis) => redis.addConnection(session, field, JSON.stringify(record)))) === 1;
  }

  async find(session: SessionId, id: ConnectionId): Promise<ConnectionRecord | undefined> {
    return parsed(await this.#ask((redis) => redis.hget(this.#keys.session(session), connectionField(id))));
  }

  async remove(session: SessionId, id: ConnectionId): Promise<boolean> {
    return (await this.#ask((redis) => redis.hdel(this.#keys.session(session), connectionField(id)))) === 1;
  }

  async count(session: SessionId): Promise<number> {
    const fields = await this.#ask((redis) => redis.hlen(this.#keys.session(session)));
    return Math.max(0, fields - FIELDS.length);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#redis.status === 'ready') await this.#ask((redis) => redis.quit()).catch(() => {});
    this.#redis.disconnect();
  }

  /** One operation, with one deadline over all of it. Every failure of Redis or of the way to it is an outage. */
  async #ask<T>(question: (redis: RedisClient) => Promise<T>): Promise<T> {
    const settled = new AbortController();
    try {
      return await Promise.race([this.#answer(question, settled.signal), this.#timeout(settled.signal)]);
    } catch (error) {
      throw new StoreUnavailable(
        `Redis cannot be used (${messageOf(error)}): see that it runs and can be reached`,
        error,
      );
    } finally {
      settled.abort();
    }
  }

  async #answer<T>(question: (redis: RedisClient) => Promise<T>, signal: AbortSignal): Promise<T> {
    if (this.#redis.status !== 'ready') await once(this.#redis, 'ready', { signal });
    signal.throwIfAborted();
    return question(this.#redis);
  }

  async #timeout(signal: AbortSignal): Promise<never> {
    await this.#clock.sleep(this.#timeoutMs, signal);
    throw new Error(`no answer within ${this.#timeoutMs} ms`);
  }
}

/** A record's values in the order in which the scripts take them (`FIELDS`). */
function values(record: SessionRecord): string[] {
  return [JSON.stringify(record), record.nonce, String(record.version), String(record.idleTtlMs), String(record.maxAt)];
}

function parsed<T>(json: string | null): T | undefined {
  return json === null ? undefined : (JSON.parse(json) as T);
}
