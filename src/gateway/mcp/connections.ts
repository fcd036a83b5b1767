import type { Clock } from '../../core/clock.ts';
import type { ConnectionRecord } from '../../core/connection.ts';
import { AppError } from '../../core/errors.ts';
import { type ConnectionId, isConnectionId, newConnectionId, type ServerName } from '../../core/ids.ts';
import { serverOf } from '../../core/session.ts';
import type { ConnectionStore } from '../../core/store.ts';
import { AggregateConversation } from './aggregate/conversation.ts';
import type { Conversation } from './conversation.ts';
import type { Reach } from './reach.ts';
import type { LiveSession, SessionCache } from './session-cache.ts';
import { newTarget, SingleConversation } from './single-conversation.ts';
import { negotiate } from './versions.ts';

/** They are kept with the connection's record, in the store and in hosts; characters of JSON. */
const MAX_INITIALIZE = 64 << 10;

export interface ConnectionsOptions {
  readonly sessions: SessionCache;
  readonly store: ConnectionStore;
  readonly reach: Reach;
  readonly clock: Clock;
  readonly connectionsPerSession: number;
  /** Of this program, for `serverInfo`. */
  readonly version: string;
}

/** The connections of clients: opened, found again wherever they were opened, ended. */
export class Connections {
  readonly #options: ConnectionsOptions;

  constructor(options: ConnectionsOptions) {
    this.#options = options;
  }

  /**
   * Opens a connection.
   * @param server of `/mcp/{server}`; undefined for `/mcp`
   * @param params of `initialize`
   * @param isAbandoned the client has gone: nobody would ever use, or end, this connection
   * @throws AppError `server.unknown`, `connection.quota`, `request.too-large`, `session.over`, what reaching a server throws;
   *   HostRefused `initialize-refused`
   */
  async open(
    live: LiveSession,
    server: ServerName | undefined,
    params: Record<string, unknown>,
    isAbandoned: () => boolean,
  ): Promise<{ readonly id: ConnectionId; readonly result: object }> {
    await this.#check(live, server, params);
    const record = this.#newRecord(live, server, params);
    const conversation = this.#converse(live, record, false);
    try {
      const result = await conversation.initialize();
      if (isAbandoned()) throw new AppError('connection.over', 'The client did not wait for the answer');
      if (!(await this.#options.store.add(record))) throw new AppError('session.over', 'This session has ended');
      live.conversations.set(record.id, conversation);
      return { id: record.id, result };
    } catch (error) {
      void conversation.close();
      throw error;
    }
  }

  /** A connection of this session: one that is known here, or was made by another replica, or before a restart. */
  async find(live: LiveSession, id: string): Promise<Conversation | undefined> {
    const known = await this.#options.sessions.conversation(live, id);
    if (known) return known;
    const record = isConnectionId(id) ? await this.#recordOf(live, id) : undefined;
    if (!record) return undefined;
    const found = live.conversations.get(id) ?? this.#converse(live, record, true); // somebody may have found it meanwhile
    live.conversations.set(id, found);
    return found;
  }

  /** Ends a connection; its channels are closed as far as they can be reached. @throws StoreUnavailable */
  async end(live: LiveSession, conversation: Conversation): Promise<void> {
    const { id, session } = conversation.record;
    await this.#options.store.remove(session, id);
    this.#options.sessions.ended(live, id);
    void conversation.close();
  }

  async #check(live: LiveSession, server: ServerName | undefined, params: object): Promise<void> {
    const { store, connectionsPerSession: limit } = this.#options;
    if (server !== undefined && !serverOf(live.record, server)) {
      const names = Object.keys(live.record.servers).join(', ');
      throw new AppError('server.unknown', `This session has no server "${server.slice(0, 64)}"; it has: ${names}`);
    }
    if ((await store.count(live.record.id)) >= limit) {
      const advice = 'end some of its clients, or the session';
      throw new AppError('connection.quota', `This session has ${limit} connections, which is the limit: ${advice}`);
    }
    if (JSON.stringify(params).length > MAX_INITIALIZE) {
      const what = 'The parameters of "initialize" are larger than';
      throw new AppError('request.too-large', `${what} ${MAX_INITIALIZE} characters`);
    }
  }

  #newRecord(live: LiveSession, server: ServerName | undefined, params: Record<string, unknown>): ConnectionRecord {
    return {
      id: newConnectionId(),
      session: live.record.id,
      ...(server === undefined ? {} : { server }),
      protocolVersion: negotiate(params.protocolVersion),
      initialize: params,
      createdAt: this.#options.clock.now(),
    };
  }

  /** The store's, or the one that a host remembers: then the store gets it again. */
  async #recordOf(live: LiveSession, id: ConnectionId): Promise<ConnectionRecord | undefined> {
    const { store, reach } = this.#options;
    const stored = await store.find(live.record.id, id);
    if (stored) return stored;
    const remembered = await reach.recall(live.record, id);
    if (remembered) await store.add(remembered);
    return remembered;
  }

  #converse(live: LiveSession, record: ConnectionRecord, resume: boolean): Conversation {
    const { reach, clock, version } = this.#options;
    if (record.server === undefined) return new AggregateConversation({ reach, clock, version, live }, record, resume);
    return new SingleConversation({ reach, clock }, record, newTarget(live.record, record, record.server, resume));
  }
}
