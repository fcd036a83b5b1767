import type { ConnectionId, SessionId } from '../../core/ids.ts';

/**
 * Every Redis key is made here.
 *
 * | key | type | holds | TTL |
 * |---|---|---|---|
 * | `{prefix}{session in braces}:session` | hash | the fields of `FIELDS`, and `connection:{id}` for each connection | to the session's deadline |
 * | `{prefix}deadlines` | sorted set | session id, scored with its deadline | none |
 *
 * A session and its connections are one key, so they can only live, expire and be deleted together. The braces are Redis
 * Cluster's hash tag (cluster specification, "Hash tags").
 */
export class RedisKeys {
  readonly #prefix: string;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  session(id: SessionId): string {
    return `${this.#prefix}{${id}}:session`;
  }

  get deadlines(): string {
    return `${this.#prefix}deadlines`;
  }
}

/** Fields that every session's hash has: the record as JSON, and what scripts compare of it (milliseconds). */
export const FIELDS = ['record', 'nonce', 'version', 'idle', 'max'] as const;

/** The field of one connection's record, JSON. */
export const connectionField = (id: ConnectionId): string => `connection:${id}`;
