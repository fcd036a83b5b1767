import type { Clock } from '../../core/clock.ts';
import type { ConnectionRecord } from '../../core/connection.ts';
import { errorTypeOf } from '../../core/error-type.ts';
import { AppError, asAppError } from '../../core/errors.ts';
import { HostRefused } from '../../core/host-link.ts';
import { type ConnectionId, isConnectionId, newConnectionId, type ServerName } from '../../core/ids.ts';
import { type GatewayMeter, UNMEASURED } from '../../core/meter.ts';
import { serverOf } from '../../core/session.ts';
import type { ConnectionStore } from '../../core/store.ts';
import { counted } from '../../core/words.ts';
import { sessionOver } from '../../sessions/await-record.ts';
import { AggregateConversation } from './aggregate/conversation.ts';
import type { Conversation } from './conversation.ts';
import type { LiveSession } from './live-session.ts';
import type { Reach } from './reach.ts';
import type { Reply } from './reply.ts';
import type { SessionCache } from './session-cache.ts';
import { newTarget, SingleConversation } from './single-conversation.ts';
import { MODERN_VERSIONS, negotiate } from './versions.ts';

/** Derived ones, of clients that never end them: the one that was not used for longest is forgotten. */
const VIRTUAL_PER_SESSION = 100;
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
  /** Absent: nothing is measured. */
  readonly meter?: GatewayMeter;
}

/** A connection that was opened, and the `initialize` result for its client. */
export interface Opened {
  readonly conversation: Conversation;
  readonly result: object;
}

/** What is settled with a client before its connection is opened. */
type Agreed = Pick<ConnectionRecord, 'id' | 'transport' | 'protocolVersion' | 'initialize'> & {
  readonly server: ServerName | undefined;
};

export const connectionOver = () =>
  new AppError('connection.over', 'No such connection in this session: send "initialize" again');

/** The connections of clients: opened, found again wherever they were opened, ended. */
export class Connections {
  readonly #options: ConnectionsOptions;
  readonly #meter: GatewayMeter;
  /** How many requests are being answered over each derived one. */
  readonly #users = new WeakMap<Conversation, number>();

  constructor(options: ConnectionsOptions) {
    this.#options = options;
    this.#meter = options.meter ?? UNMEASURED;
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
    const protocolVersion = negotiate(params.protocolVersion);
    return this.#counted(protocolVersion, async () => {
      await this.#check(live, server, params);
      const record = this.#newRecord(live, { id: newConnectionId(), server, protocolVersion, initialize: params });
      const { result } = await this.#initialize(live, record, isAbandoned);
      return { id: record.id, result };
    });
  }

  /**
   * Opens a connection of HTTP+SSE under the id that its stream has; if it is open it is opened anew: its channels are closed, and
   * with them goes whatever was said in them. Every replica hears of it.
   * @param params of `initialize`
   * @throws AppError as `open`, and `connection.over` if the id is one of another transport or server
   */
  openSse(
    live: LiveSession,
    agreed: Pick<ConnectionRecord, 'id' | 'server' | 'protocolVersion'>,
    params: Record<string, unknown>,
  ): Promise<Opened> {
    return this.#counted(agreed.protocolVersion, () => this.#openSse(live, agreed, params));
  }

  async #openSse(
    live: LiveSession,
    { id, server, protocolVersion }: Pick<ConnectionRecord, 'id' | 'server' | 'protocolVersion'>,
    params: Record<string, unknown>,
  ): Promise<Opened> {
    const before = await this.find(live, id);
    if (before && (before.record.transport !== 'sse' || before.record.server !== server)) throw connectionOver();
    await this.#check(live, server, params, before === undefined);
    await before?.close();
    live.conversations.delete(id);
    const record = this.#newRecord(live, { id, server, transport: 'sse', protocolVersion, initialize: params });
    const opened = await this.#initialize(live, record, () => false); // a repetition of the same POST may have the same id
    this.#options.sessions.changed(live);
    return opened;
  }

  /**
   * Makes a connection of HTTP+SSE for a client that is initialized, as that of `model` was.
   * @returns undefined if the session has as many connections as it may have
   * @throws AppError `store.unavailable`, `session.over`
   */
  async replay(live: LiveSession, model: ConnectionRecord): Promise<ConnectionRecord | undefined> {
    if ((await this.#options.store.count(live.record.id)) >= this.limit) return undefined;
    const record = this.#newRecord(live, { ...model, server: model.server, id: newConnectionId() });
    if (!(await this.#options.store.add(record))) throw sessionOver();
    return record;
  }

  /** How many connections a session may have. */
  get limit(): number {
    return this.#options.connectionsPerSession;
  }

  /** A connection of this session: one that is known here, or was made by another replica, or before a restart. */
  async find(live: LiveSession, id: string): Promise<Conversation | undefined> {
    if (!isConnectionId(id)) return undefined;
    const known = await this.#options.sessions.conversation(live, id);
    if (known) return known;
    const record = await this.#recordOf(live, id);
    if (!record) return undefined;
    const found = live.conversations.get(id) ?? this.#converse(live, record, true); // somebody may have found it meanwhile
    live.conversations.set(id, found);
    return found;
  }

  /**
   * The connection of clients that say with each request who they are, and open none. Its record is derived from that: every
   * replica makes the same, and no store has it. In use until the reply is closed.
   * @throws AppError `server.unknown`, `connection.quota`
   */
  virtual(live: LiveSession, record: ConnectionRecord, reply: Pick<Reply, 'onClose'>): Conversation {
    this.#checkServer(live, record.server);
    const { conversations } = live;
    const known = conversations.get(record.id);
    if (!known) {
      this.#forgetVirtual(conversations);
      this.#meter.connectionOpened(MODERN_VERSIONS[0]);
    }
    const conversation = known ?? this.#converse(live, record, true);
    conversations.delete(record.id);
    conversations.set(record.id, conversation); // the last one of the map was used last
    this.#use(conversation, reply);
    return conversation;
  }

  /** Ends a connection; its channels are closed as far as they can be reached. @throws StoreUnavailable */
  async end(live: LiveSession, conversation: Conversation): Promise<void> {
    const { id, session } = conversation.record;
    await this.#options.store.remove(session, id);
    this.#options.sessions.ended(live, id);
    const over = conversation.record.transport !== 'sse'; // such an id is its client's, to open anew
    const closed = conversation.close(over);
    // Another gateway may have had it back from a host that was not told yet.
    if (over) closed.then(() => this.#options.store.remove(session, id)).catch(() => {});
  }

  async #counted<T>(version: string, open: () => Promise<T>): Promise<T> {
    try {
      const opened = await open();
      this.#meter.connectionOpened(version);
      return opened;
    } catch (error) {
      this.#meter.connectionFailed(error instanceof HostRefused ? 'rpc_error' : errorTypeOf(asAppError(error).code));
      throw error;
    }
  }

  async #initialize(live: LiveSession, record: ConnectionRecord, isAbandoned: () => boolean): Promise<Opened> {
    const conversation = this.#converse(live, record, false);
    try {
      const result = await conversation.initialize();
      if (isAbandoned()) throw new AppError('connection.over', 'The client did not wait for the answer');
      if (!(await this.#options.store.add(record))) throw sessionOver();
      live.conversations.set(record.id, conversation);
      return { conversation, result };
    } catch (error) {
      void conversation.close();
      throw error;
    }
  }

  /** @param isNew it is one more */
  async #check(live: LiveSession, server: ServerName | undefined, params: object, isNew = true): Promise<void> {
    const { store } = this.#options;
    const { limit } = this;
    this.#checkServer(live, server);
    if (isNew && (await store.count(live.record.id)) >= limit) {
      const advice = 'end some of its clients, or the session';
      throw new AppError(
        'connection.quota',
        `This session has ${counted(limit, 'connection')}, which is the limit: ${advice}`,
      );
    }
    if (JSON.stringify(params).length > MAX_INITIALIZE) {
      const what = 'The parameters of "initialize" are larger than';
      throw new AppError('request.too-large', `${what} ${MAX_INITIALIZE} characters`);
    }
  }

  #checkServer(live: LiveSession, server: ServerName | undefined): void {
    if (server === undefined || serverOf(live.record, server)) return;
    const names = Object.keys(live.record.servers).join(', ');
    throw new AppError('server.unknown', `This session has no server "${server.slice(0, 64)}"; it has: ${names}`);
  }

  #newRecord(live: LiveSession, { server, ...agreed }: Agreed): ConnectionRecord {
    const createdAt = this.#options.clock.now();
    return { ...agreed, session: live.record.id, ...(server === undefined ? {} : { server }), createdAt };
  }

  /** The store's, or the one that a host remembers: then the store gets it again. */
  async #recordOf(live: LiveSession, id: ConnectionId): Promise<ConnectionRecord | undefined> {
    const { sessions, store, reach } = this.#options;
    const stored = await sessions.stored(live, id);
    if (stored) return stored;
    const remembered = await reach.recall(live.record, id);
    if (remembered) await store.add(remembered);
    return remembered;
  }

  #use(conversation: Conversation, reply: Pick<Reply, 'onClose'>): void {
    const users = this.#users;
    const count = (change: number) => users.set(conversation, (users.get(conversation) ?? 0) + change);
    count(1);
    reply.onClose(() => count(-1));
  }

  /**
   * Makes room for one more derived connection. Its channels stay: other gateways may use them, and hosts close those that are
   * too many.
   */
  #forgetVirtual(conversations: Map<ConnectionId, Conversation>): void {
    const virtual = [...conversations].filter(([id]) => !isConnectionId(id));
    if (virtual.length < VIRTUAL_PER_SESSION) return;
    const [idle] = virtual.find(([, conversation]) => !this.#users.get(conversation)) ?? [];
    if (idle === undefined) {
      const advice = 'end some of them, or the session';
      throw new AppError('connection.quota', `This session has ${VIRTUAL_PER_SESSION} clients that wait: ${advice}`);
    }
    conversations.delete(idle);
  }

  #converse(live: LiveSession, record: ConnectionRecord, resume: boolean): Conversation {
    const { reach, clock, version } = this.#options;
    if (record.server === undefined) return new AggregateConversation({ reach, clock, version, live }, record, resume);
    return new SingleConversation({ reach, clock }, record, newTarget(live.record, record, record.server, resume));
  }
}
