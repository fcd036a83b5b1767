import type { ConnectionRecord } from '../../core/connection.ts';
import { messageOf } from '../../core/errors.ts';
import type { ConnectionId, SessionId } from '../../core/ids.ts';
import type { SessionRecord } from '../../core/session.ts';
import type { ConnectionStore, SessionStore } from '../../core/store.ts';
import { RedisConnection, type RedisOptions } from './connection.ts';
import { connectionField, DEFAULT_PREFIX, FIELDS, isConnectionField, RedisKeys } from './keys.ts';

/** Sessions read at a time by `list`. */
const PAGE = 100;

export interface RedisStoreOptions extends RedisOptions {
  /** First part of every key; `mcp:` by default. */
  readonly prefix?: string;
}

/**
 * The store of many replicas: Redis 7.0 or later, one server, or a master that Sentinels name.
 *
 * Time is the Redis server's, so that replicas whose clocks differ agree on what is over, and Redis' own TTLs do the
 * expiring, with nobody running. `maxAt` is compared with it too: a replica's clock that is wrong by a minute makes the
 * sessions that it creates live a minute longer or shorter. The injected clock only measures how long Redis takes.
 *
 * A session is one key, changed by scripts of one key. The sorted set of deadlines is a list of what may be there, in a
 * slot of its own: a session is put into it before it is created and taken out only after its deadline, and only when it
 * was seen to be over, so it may name sessions that are over but lacks none that is there. Scores follow each `touch`
 * unacknowledged; one that was lost is too early, which only means that somebody looks and finds the session there.
 *
 * With Sentinels a replica may become the master. It has each session that was created and each deletion, since these wait for
 * a replica, if one answers in time (`RedisConnection.replicated`); of anything else the last moments may be lost, which is as if
 * it had not been done: the controller compares again.
 */
export class RedisStore implements SessionStore, ConnectionStore, AsyncDisposable {
  readonly #keys: RedisKeys;
  readonly #redis: RedisConnection;

  /** Connects in the background: the first operation waits for it. */
  constructor(options: RedisStoreOptions) {
    this.#keys = new RedisKeys(options.prefix ?? DEFAULT_PREFIX);
    this.#redis = new RedisConnection(options);
  }

  async generation(): Promise<string | undefined> {
    return (await this.#redis.ask((redis) => redis.hget(this.#keys.generation, 'begun'))) ?? undefined;
  }

  async prepare(generation: string): Promise<boolean> {
    return (await this.#redis.ask((redis) => redis.prepareGeneration(this.#keys.generation, generation))) === 1;
  }

  async begin(generation: string): Promise<boolean> {
    return (await this.#redis.ask((redis) => redis.beginGeneration(this.#keys.generation, generation))) === 1;
  }

  async create(record: SessionRecord): Promise<boolean> {
    const [deadlines, session] = [this.#keys.deadlines, this.#keys.session(record.id)];
    return this.#redis.ask(async (redis) => {
      await redis.enlist(deadlines, record.id, String(record.idleTtlMs), String(record.maxAt));
      const created = (await redis.createSession(session, ...values(record))) === 1;
      if (created) await this.#redis.replicated();
      return created;
    });
  }

  async touch(id: SessionId): Promise<SessionRecord | undefined> {
    const touched = await this.#redis.ask((redis) => redis.touchSession(this.#keys.session(id)));
    if (!touched) return undefined;
    const [record, deadline] = touched;
    this.#redis.client.zadd(this.#keys.deadlines, deadline, id).catch(() => {}); // see above: a score may be too early
    return recordOf(id, record);
  }

  async peek(id: SessionId): Promise<SessionRecord | undefined> {
    const record = await this.#redis.ask((redis) => redis.hget(this.#keys.session(id), 'record'));
    return record === null ? undefined : recordOf(id, record);
  }

  async deadline(id: SessionId): Promise<number | undefined> {
    const at = await this.#redis.ask((redis) => redis.pexpiretime(this.#keys.session(id)));
    return at < 0 ? undefined : at;
  }

  async replace(next: SessionRecord): Promise<boolean> {
    const before = String(next.version - 1);
    const session = this.#keys.session(next.id);
    return (await this.#redis.ask((redis) => redis.replaceSession(session, ...values(next), before))) === 1;
  }

  async delete(id: SessionId): Promise<boolean> {
    return this.#redis.ask(async (redis) => {
      const deleted = (await redis.del(this.#keys.session(id))) === 1;
      if (deleted) await this.#redis.replicated();
      return deleted;
    });
  }

  /**
   * By the deadlines, not by SCAN: SCAN walks every key of a Redis that others may use too, and every node of a cluster.
   * The ids are read in one command, so none is missed or comes twice whatever happens meanwhile.
   */
  async *list(): AsyncIterable<SessionRecord> {
    const ids = await this.#redis.ask((redis) => redis.zrange(this.#keys.deadlines, '0', '-1'));
    for (let start = 0; start < ids.length; start += PAGE) {
      const page = ids.slice(start, start + PAGE);
      const records = await this.#redis.ask((redis) =>
        Promise.all(page.map((id) => redis.hget(this.#keys.session(id), 'record'))),
      );
      const over = page.filter((_, n) => records[n] === null);
      if (over.length > 0) await this.#redis.ask((redis) => redis.purge(this.#keys.deadlines, ...over));
      for (const [n, id] of page.entries()) {
        const record = records[n];
        if (record) yield recordOf(id as SessionId, record);
      }
    }
  }

  async add(record: ConnectionRecord): Promise<boolean> {
    const [session, field] = [this.#keys.session(record.session), connectionField(record.id)];
    return (await this.#redis.ask((redis) => redis.addConnection(session, field, JSON.stringify(record)))) === 1;
  }

  async find(session: SessionId, id: ConnectionId): Promise<ConnectionRecord | undefined> {
    const record = await this.#redis.ask((redis) => redis.hget(this.#keys.session(session), connectionField(id)));
    return record === null ? undefined : (JSON.parse(record) as ConnectionRecord);
  }

  async connections(session: SessionId): Promise<ConnectionRecord[]> {
    const fields = await this.#redis.ask((redis) => redis.hgetall(this.#keys.session(session)));
    const records = Object.entries(fields).filter(([field]) => isConnectionField(field));
    return records.map(([, record]) => JSON.parse(record) as ConnectionRecord);
  }

  async remove(session: SessionId, id: ConnectionId): Promise<boolean> {
    return (await this.#redis.ask((redis) => redis.hdel(this.#keys.session(session), connectionField(id)))) === 1;
  }

  async count(session: SessionId): Promise<number> {
    const fields = await this.#redis.ask((redis) => redis.hlen(this.#keys.session(session)));
    return Math.max(0, fields - FIELDS.length);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#redis[Symbol.asyncDispose]();
  }
}

/** A record's values in the order in which the scripts take them (`FIELDS`). */
function values(record: SessionRecord): string[] {
  return [JSON.stringify(record), record.nonce, String(record.version), String(record.idleTtlMs), String(record.maxAt)];
}

/** Throws with the session's name: whoever has to mend what somebody else wrote there must know where. */
function recordOf(id: SessionId, json: string): SessionRecord {
  try {
    return JSON.parse(json) as SessionRecord;
  } catch (cause) {
    throw new Error(`the record of session ${id} cannot be read: ${messageOf(cause)}`, { cause });
  }
}
