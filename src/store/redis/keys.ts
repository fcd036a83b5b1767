import type { ConnectionId, SessionId } from '../../core/ids.ts';

/**
 * Every Redis key is made here.
 *
 * | key | type | holds | TTL |
 * |---|---|---|---|
 * | `{prefix}{session in braces}:session` | hash | the fields of `FIELDS`, and `connection:{id}` for each connection | to the session's deadline |
 * | `{prefix}deadlines` | sorted set | session id, scored with its deadline | none |
 * | `{prefix}{controller}:lease` | string | who is the controller: a word of its own | the lease's |
 * | `{prefix}{controller}:epoch` | string | the last lease's epoch | none |
 * | `{prefix}{deployment}:signals`, `:calls`, `:calls:{call}` | channels | session ids; what is asked of the controller | - |
 * | `{prefix}{deployment}:answers:{gateway}` | channel | what the controller answered this gateway | - |
 * | `{prefix}generation` | hash | `begun`: names the time since this store began, not there if it is new or was emptied; `prepared`: what is to begin | none |
 * | `{prefix}{session in braces}:events` | stream | what happened to the session, the last of it | a day after the last |
 * | `{prefix}{operations}:events`, `:audit` | streams | what happened to all sessions; what people did: the last of it | none |
 * | `{prefix}{operations}:replicas`, `:reports` | sorted set, hash | the processes of the deployment: until when they are there; what they say of themselves | none |
 * | `{prefix}hits:{key}`, `{prefix}marks:{key}` | strings | how often something happened; that it did | the window's, the mark's |
 *
 * A session and its connections are one key, so they can only live, expire and be deleted together. The braces are Redis
 * Cluster's hash tag (cluster specification, "Hash tags"): lease and epoch are changed by one script. Channels do not belong to
 * a database as keys do, so they carry the deployment's name.
 */
export class RedisKeys {
  readonly #prefix: string;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  session(id: SessionId): string {
    return `${this.#prefix}{${id}}:session`;
  }

  get generation(): string {
    return `${this.#prefix}generation`;
  }

  get deadlines(): string {
    return `${this.#prefix}deadlines`;
  }

  get lease(): string {
    return `${this.#prefix}{controller}:lease`;
  }

  get epoch(): string {
    return `${this.#prefix}{controller}:epoch`;
  }

  eventsOf(session: SessionId): string {
    return `${this.#prefix}{${session}}:events`;
  }

  get events(): string {
    return `${this.#prefix}{operations}:events`;
  }

  get audit(): string {
    return `${this.#prefix}{operations}:audit`;
  }

  get replicas(): string {
    return `${this.#prefix}{operations}:replicas`;
  }

  get reports(): string {
    return `${this.#prefix}{operations}:reports`;
  }

  hits(key: string): string {
    return `${this.#prefix}hits:${key}`;
  }

  mark(key: string): string {
    return `${this.#prefix}marks:${key}`;
  }

  signals(deployment: string): string {
    return `${this.#prefix}${deployment}:signals`;
  }

  /** One channel for each call: a controller of an earlier version, which knows one only, takes no other for it. */
  calls(deployment: string, name: 'cleanup' | 'foresee'): string {
    return `${this.#prefix}${deployment}:calls${name === 'cleanup' ? '' : `:${name}`}`;
  }

  answers(deployment: string, gateway: string): string {
    return `${this.#prefix}${deployment}:answers:${gateway}`;
  }
}

/** First part of every key where nothing else is said. */
export const DEFAULT_PREFIX = 'mcp:';

/** Fields that every session's hash has: the record as JSON, and what scripts compare of it (milliseconds). */
export const FIELDS = ['record', 'nonce', 'version', 'idle', 'max'] as const;

const CONNECTION = 'connection:';
/** The field of one connection's record, JSON. */
export const connectionField = (id: ConnectionId): string => `${CONNECTION}${id}`;
export const isConnectionField = (field: string): boolean => field.startsWith(CONNECTION);
