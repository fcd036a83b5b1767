import { AppError } from '../../core/errors.ts';
import type { AuditEntry, LifecycleEvent, OperationsStore, Page, ReplicaReport } from '../../core/operations.ts';
import { RedisConnection, type RedisOptions } from './connection.ts';
import { DEFAULT_PREFIX, RedisKeys } from './keys.ts';

/** How many entries are kept, about: of all sessions, of one session, of the audit. */
const EVENTS = '10000';
const EVENTS_OF_SESSION = '200';
const AUDIT = '10000';
/** A session's events are kept for so long after the last one, milliseconds. */
const SESSION_EVENTS_MS = 24 * 3_600_000;
/** Entries read at a time. */
const BATCH = 500;
/** A stream entry's id (Redis, "Streams"), which has 64 bits on both sides and is not 0-0: the cursor of a page. */
const CURSOR = /^[1-9]\d{0,18}-\d{1,19}$/;

export interface RedisOperationsOptions extends RedisOptions {
  /** First part of every key; `mcp:` by default. */
  readonly prefix?: string;
}

/** For many replicas. A connection of its own, so that no operator's question holds up a session. Time is the Redis server's. */
export class RedisOperations implements OperationsStore, AsyncDisposable {
  readonly #keys: RedisKeys;
  readonly #redis: RedisConnection;

  /** Connects in the background: the first operation waits for it. */
  constructor(options: RedisOperationsOptions) {
    this.#keys = new RedisKeys(options.prefix ?? DEFAULT_PREFIX);
    this.#redis = new RedisConnection(options);
  }

  async announce(report: ReplicaReport, ttlMs: number): Promise<void> {
    const { replicas, reports } = this.#keys;
    await this.#redis.ask((redis) =>
      redis.announceReplica(replicas, reports, report.id, JSON.stringify(report), String(ttlMs)),
    );
  }

  async withdraw(id: string): Promise<void> {
    const { replicas, reports } = this.#keys;
    await this.#redis.ask((redis) => Promise.all([redis.zrem(replicas, id), redis.hdel(reports, id)]));
  }

  async replicas(): Promise<readonly ReplicaReport[]> {
    const found = await this.#redis.ask((redis) => redis.listReplicas(this.#keys.replicas, this.#keys.reports));
    const reports = found.flatMap((json) => (json === null ? [] : [JSON.parse(json) as ReplicaReport]));
    return reports.sort((a, b) => a.startedAt - b.startedAt);
  }

  async record(event: LifecycleEvent): Promise<void> {
    const [json, own] = [JSON.stringify(event), this.#keys.eventsOf(event.session)];
    await this.#redis.ask((redis) =>
      Promise.all([
        redis.xadd(this.#keys.events, 'MAXLEN', '~', EVENTS, '*', 'entry', json),
        redis.xadd(own, 'MAXLEN', '~', EVENTS_OF_SESSION, '*', 'entry', json),
        redis.pexpire(own, SESSION_EVENTS_MS),
      ]),
    );
  }

  events({ session, owner, after, limit }: Parameters<OperationsStore['events']>[0]): Promise<Page<LifecycleEvent>> {
    const key = session === undefined ? this.#keys.events : this.#keys.eventsOf(session);
    return this.#page<LifecycleEvent>(key, after, limit, (event) => owner === undefined || event.owner === owner);
  }

  async audit(entry: AuditEntry): Promise<void> {
    await this.#redis.ask((redis) =>
      redis.xadd(this.#keys.audit, 'MAXLEN', '~', AUDIT, '*', 'entry', JSON.stringify(entry)),
    );
  }

  audited({ actor, action, after, limit }: Parameters<OperationsStore['audited']>[0]): Promise<Page<AuditEntry>> {
    const isWanted = (entry: AuditEntry) =>
      (actor === undefined || entry.actor === actor) && (action === undefined || entry.action === action);
    return this.#page<AuditEntry>(this.#keys.audit, after, limit, isWanted);
  }

  async hit(key: string, windowMs: number): Promise<number> {
    return this.#redis.ask((redis) => redis.countHit(this.#keys.hits(key), String(windowMs)));
  }

  async clear(key: string): Promise<void> {
    await this.#redis.ask((redis) => redis.del(this.#keys.hits(key)));
  }

  async mark(key: string, ttlMs: number): Promise<void> {
    await this.#redis.ask((redis) => redis.set(this.#keys.mark(key), '1', 'PX', ttlMs));
  }

  async marked(key: string): Promise<boolean> {
    return (await this.#redis.ask((redis) => redis.exists(this.#keys.mark(key)))) === 1;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#redis[Symbol.asyncDispose]();
  }

  /** From the newest on, or from behind `after`; reads on until there are enough that are wanted, or there are no more. */
  async #page<T>(
    key: string,
    after: string | undefined,
    limit: number,
    isWanted: (item: T) => boolean,
  ): Promise<Page<T>> {
    if (after !== undefined && !CURSOR.test(after))
      throw new AppError('request.invalid', 'The cursor is none: give back `next` as it came');
    const items: T[] = [];
    let [from, next] = [after === undefined ? '+' : `(${after}`, ''];
    for (;;) {
      const entries = await this.#redis.ask((redis) => redis.xrevrange(key, from, '-', 'COUNT', BATCH));
      for (const [id, [, json = '']] of entries) {
        const item = JSON.parse(json) as T;
        if (!isWanted(item)) continue;
        if (items.length >= limit) return { items, next };
        items.push(item);
        next = id;
      }
      if (entries.length < BATCH) return { items };
      from = `(${entries.at(-1)?.[0]}`;
    }
  }
}
