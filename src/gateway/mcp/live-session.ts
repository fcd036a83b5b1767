import type { AppError } from '../../core/errors.ts';
import type { ConnectionId, ServerName } from '../../core/ids.ts';
import type { SessionRecord } from '../../core/session.ts';
import type { Conversation } from './conversation.ts';

/** Why one server was left out. */
export interface Trouble {
  readonly error: AppError;
  /** Milliseconds since the epoch. */
  readonly until: number;
  /** The record's version then: with another one it may be well again. */
  readonly version: number;
}

/** A session that this gateway knows, with those of its connections that it knows. */
export interface LiveSession {
  record: SessionRecord;
  readonly conversations: Map<ConnectionId, Conversation>;
  touchedAt: number;
  usedAt: number;
  /** How many changes of it were heard of. */
  heard: number;
  /** How many of them are in `record`, at least: all, or it is looked at again before it is used. */
  seen: number;
  /** Requests that are being answered, and streams. */
  open: number;
  touching: Promise<void> | undefined;
  /** It is being looked at because a change was heard of. */
  following: boolean;
  /** Connections that another replica may have ended since they were last looked for. */
  unsure: Set<ConnectionId>;
  /** Servers that were not there when all were asked: nobody else waits for them again so soon. */
  readonly troubles: Map<ServerName, Trouble>;
}

/** @param usedAt milliseconds since the epoch */
export function newLiveSession(record: SessionRecord, usedAt: number): LiveSession {
  return {
    record,
    conversations: new Map(),
    touchedAt: 0,
    usedAt,
    heard: 0,
    seen: 0,
    open: 0,
    touching: undefined,
    following: false,
    unsure: new Set(),
    troubles: new Map(),
  };
}

/** The session's record was seen: an older one takes nothing back, a newer one its connections hear of. */
export function renew(live: LiveSession, record: SessionRecord): void {
  const isNews = record.version > live.record.version;
  if (record.version >= live.record.version) live.record = record;
  if (isNews) for (const conversation of live.conversations.values()) conversation.changed();
}
