import type { Clock } from '../../../core/clock.ts';
import type { ConnectionRecord } from '../../../core/connection.ts';
import { type ConnectionId, newConnectionId, type ServerName } from '../../../core/ids.ts';
import type { Connections } from '../connections.ts';
import type { LiveSession } from '../live-session.ts';
import type { Reach } from '../reach.ts';
import type { Reply } from '../reply.ts';
import type { SessionCache } from '../session-cache.ts';
import { placeOf } from './address.ts';
import { isHeld } from './held.ts';
import type { Start } from './sse-stream.ts';

/** An orphan that nobody has come back for in this time is ended, milliseconds. */
const ORPHANED_MS = 10 * 60_000;

export interface AdoptionOptions {
  readonly sessions: SessionCache;
  readonly connections: Connections;
  readonly reach: Reach;
  readonly clock: Clock;
}

/**
 * Finds out whose stream is opened (D7). A client that has lost its stream opens another one and goes on as if nothing had
 * happened; most do not say where they were. An *orphan* is a connection of HTTP+SSE whose stream nobody holds.
 */
export class Adoption {
  readonly #options: AdoptionOptions;
  /** Since when they were seen to be orphans here, milliseconds since the epoch. */
  readonly #orphans = new WeakMap<LiveSession, Map<ConnectionId, number>>();
  /** Adopted, but not followed yet. */
  readonly #adopted = new Set<ConnectionId>();

  constructor(options: AdoptionOptions) {
    this.#options = options;
  }

  /**
   * @param server of `/sse/{server}`; undefined for `/sse`
   * @param lastEventId as the client says it
   * @throws AppError `store.unavailable`
   */
  async start(
    live: LiveSession,
    server: ServerName | undefined,
    lastEventId: string | undefined,
    reply: Pick<Reply, 'onClose'>,
  ): Promise<Start> {
    return (lastEventId && (await this.#resumed(live, server, lastEventId))) || this.#guessed(live, server, reply);
  }

  /** The client says which connection is its. */
  async #resumed(live: LiveSession, server: ServerName | undefined, lastEventId: string): Promise<Start | undefined> {
    const place = placeOf(lastEventId);
    if (!place) return undefined;
    const { id, cursor } = place;
    const conversation = await this.#options.connections.find(live, id);
    if (!conversation) return cursor.offsets.size === 0 ? { id } : undefined; // it was not initialized, or is over
    const { record } = conversation;
    return record.transport === 'sse' && record.server === server ? { id, record, cursor } : undefined;
  }

  async #guessed(live: LiveSession, server: ServerName | undefined, reply: Pick<Reply, 'onClose'>): Promise<Start> {
    const all = await this.#options.sessions.connections(live);
    const known = all
      .filter((record) => record.transport === 'sse' && record.server === server)
      .sort((a, b) => b.createdAt - a.createdAt);
    const [newest] = known;
    if (!newest) return { id: newConnectionId() };
    const [orphan, ...others] = await this.#orphansOf(live, known, all);
    if (orphan && others.length === 0) {
      this.#adopted.add(orphan.id);
      reply.onClose(() => this.#adopted.delete(orphan.id));
      return { id: orphan.id, record: orphan, mode: 'free', guessed: true };
    }
    // Whose is whose cannot be known, or its old stream looks alive. It may believe that it is initialized.
    const record = await this.#options.connections.replay(live, orphan ?? newest);
    return record ? { id: record.id, record, guessed: true } : { id: newConnectionId() };
  }

  /**
   * The orphans among `known`, in its order. All but the first may be ended, if their host says that they are orphans: those that
   * nobody has come back for, and the last one where the session has as many connections as it may have.
   * @param all connections of the session
   */
  async #orphansOf(
    live: LiveSession,
    known: readonly ConnectionRecord[],
    all: readonly ConnectionRecord[],
  ): Promise<ConnectionRecord[]> {
    const { connections, clock } = this.#options;
    const held = await Promise.all(
      known.map((record) => this.#adopted.has(record.id) || isHeld(this.#options, live, record)),
    );
    const orphans = known.filter((_, n) => !held[n]);
    const now = clock.now();
    const since = this.#since(live, all);
    for (const [n, { id }] of known.entries()) {
      if (held[n] === false) since.set(id, since.get(id) ?? now);
      else since.delete(id);
    }
    const isOver = ({ id }: ConnectionRecord, n: number): boolean => {
      const orphanedAt = since.get(id);
      if (n === 0 || orphanedAt === undefined) return false;
      const isLast = n === orphans.length - 1;
      return now - orphanedAt > ORPHANED_MS || (isLast && all.length >= connections.limit);
    };
    for (const { id } of orphans.filter(isOver)) {
      const conversation = await connections.find(live, id);
      if (conversation) await connections.end(live, conversation);
    }
    return orphans.filter((orphan, n) => !isOver(orphan, n));
  }

  /** Since when connections of the session are known to be orphans, those alone that there still are. */
  #since(live: LiveSession, all: readonly ConnectionRecord[]): Map<ConnectionId, number> {
    const since = this.#orphans.get(live) ?? new Map<ConnectionId, number>();
    this.#orphans.set(live, since);
    const ids = new Set(all.map(({ id }) => id));
    for (const id of since.keys()) if (!ids.has(id)) since.delete(id);
    return since;
  }
}
