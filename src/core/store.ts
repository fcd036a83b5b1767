import type { ConnectionRecord } from './connection.ts';
import type { ConnectionId, SessionId } from './ids.ts';
import type { SessionRecord } from './session.ts';

/**
 * Where session records live. The same contract for every implementation (test/contract/session-store.ts):
 *
 * - A session is there from `create` until `delete`, until `idleTtlMs` have passed without a `touch`, or until `maxAt`.
 *   After that it is not there, whatever is called; nothing but `create` makes it again.
 * - `create` counts as the first touch. Neither `peek`, `list` nor `replace` keeps a session alive.
 * - An outage throws `StoreUnavailable` within a second; it never looks like "not there".
 * - A store that is new, and one that was emptied, has no generation until `begin` gives it one: a session that is not in it
 *   may be one that was lost, not one that is over (sessions/find-record.ts). Nothing else depends on the generation.
 */
export interface SessionStore {
  /** Names the time since the store began; undefined: it has not. */
  generation(): Promise<string | undefined>;
  /** What may be missing is about to be made again. False: the store has a generation already, which stays. */
  prepare(generation: string): Promise<boolean>;
  /**
   * The store is complete from here on. False: the last `prepare` was not for this generation, or the store was emptied since, so
   * that what was made again may be lost again.
   */
  begin(generation: string): Promise<boolean>;
  /** False: a session with this id is there already; it is left as it is. */
  create(record: SessionRecord): Promise<boolean>;
  /** Loads a session and slides its idle deadline: now + `idleTtlMs`, at most `maxAt`. */
  touch(id: SessionId): Promise<SessionRecord | undefined>;
  /** Loads a session and leaves its deadline alone. */
  peek(id: SessionId): Promise<SessionRecord | undefined>;
  /** When the session will be over if nobody touches it, milliseconds since the epoch. */
  deadline(id: SessionId): Promise<number | undefined>;
  /**
   * Compare-and-set: false if the session is not there, its nonce is another or its version is not `next.version - 1`.
   * Never resurrects. An earlier `maxAt` ends the session earlier; otherwise its deadline stays as it is.
   */
  replace(next: SessionRecord): Promise<boolean>;
  /** Also deletes the session's connections. False: it was not there. */
  delete(id: SessionId): Promise<boolean>;
  /** All sessions that are there throughout the listing; one made or ended meanwhile may be in it or not, none comes twice. */
  list(): AsyncIterable<SessionRecord>;
}

/**
 * Where connection records live. A connection is there as long as its session, unless deleted before.
 * An outage throws `StoreUnavailable` within a second.
 */
export interface ConnectionStore {
  /** Writes a record, over one with the same id; false if its session is not there. */
  add(record: ConnectionRecord): Promise<boolean>;
  find(session: SessionId, id: ConnectionId): Promise<ConnectionRecord | undefined>;
  /** All connections of the session, in no order; none if it is not there. */
  connections(session: SessionId): Promise<ConnectionRecord[]>;
  /** False: it was not there. */
  remove(session: SessionId, id: ConnectionId): Promise<boolean>;
  /** How many connections the session has. */
  count(session: SessionId): Promise<number>;
}
