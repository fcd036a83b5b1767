import type { Clock } from '../../core/clock.ts';
import type { ConnectionRecord } from '../../core/connection.ts';
import type { ConnectionId, SessionId } from '../../core/ids.ts';
import type { Logger } from '../../core/logger.ts';
import { type GatewayMeter, type Operation, UNMEASURED } from '../../core/meter.ts';
import type { Signals } from '../../core/signals.ts';
import type { ConnectionStore, SessionStore } from '../../core/store.ts';
import { sessionOver } from '../../sessions/await-record.ts';
import type { SessionIdentity } from '../../sessions/lifecycle.ts';
import { outlast } from '../../sessions/outlast.ts';
import type { Tokens } from '../../sessions/tokens.ts';
import { Wakeups } from '../../sessions/wakeups.ts';
import type { Conversation } from './conversation.ts';
import { holdOutcome } from './hold-outcome.ts';
import { type LiveSession, newLiveSession, renew } from './live-session.ts';
import type { LostSessions } from './lost-sessions.ts';
import type { Reply } from './reply.ts';

/** A session in use is looked up again, and its deadline moved on, so often: milliseconds. Not on the path of a call. */
const TOUCH_MS = 5000;
/** What nobody used for so long is dropped from memory, milliseconds. */
const FORGET_MS = 10 * 60_000;

export interface SessionCacheOptions {
  readonly store: SessionStore & ConnectionStore;
  readonly tokens: Tokens;
  readonly signals: Signals;
  readonly clock: Clock;
  readonly log: Logger;
  /** How long a request of a session that is not known here is held while the store is out of reach, milliseconds. */
  readonly holdMs: number;
  /** Tells what was lost from what is over; absent: nothing is lost. */
  readonly lost?: LostSessions;
  /** Absent: nothing is measured. */
  readonly meter?: Pick<GatewayMeter, 'cache' | 'lookup' | 'hold'>;
}

/**
 * The sessions that this gateway has to do with. A cache of the store: whatever is in it can be had again (D1), and while
 * the store is out of reach it goes on serving what it knows (D5).
 */
export class SessionCache implements Disposable {
  readonly #options: SessionCacheOptions;
  readonly #sessions = new Map<SessionId, LiveSession>();
  readonly #meter: Pick<GatewayMeter, 'cache' | 'lookup' | 'hold'>;
  readonly #subscription: Disposable;
  readonly #sweeper: NodeJS.Timeout;

  constructor(options: SessionCacheOptions) {
    this.#options = options;
    this.#meter = options.meter ?? UNMEASURED;
    this.#subscription = options.signals.subscribe((id) => {
      const live = this.#sessions.get(id);
      if (!live) return;
      live.heard += 1;
      // Whoever listens is to know which servers there are; everybody else looks with the next request.
      if (live.open > 0) this.#follow(live);
    });
    this.#sweeper = setInterval(() => this.sweep(), FORGET_MS / 10);
    this.#sweeper.unref();
  }

  [Symbol.dispose](): void {
    this.#subscription[Symbol.dispose]();
    clearInterval(this.#sweeper);
    for (const { conversations } of this.#sessions.values())
      for (const conversation of conversations.values()) conversation.abandon();
  }

  /** Sessions that are known here, and their connections. */
  get counts(): { readonly sessions: number; readonly connections: number } {
    let connections = 0;
    for (const { conversations } of this.#sessions.values()) connections += conversations.size;
    return { sessions: this.#sessions.size, connections };
  }

  /** Whose token it is, if it was issued here, without a look at the store. @throws AppError `auth.invalid` */
  check(token: string): SessionId {
    return this.#options.tokens.verify(token).session;
  }

  /**
   * The session of a token.
   * @param operation is told how long the store was waited for
   * @throws AppError `auth.invalid`, `session.over`, `store.unavailable`
   */
  async admit(token: string, operation?: Pick<Operation, 'waited'>): Promise<LiveSession> {
    const { tokens, clock } = this.#options;
    const claims = tokens.verify(token);
    const { session, nonce } = claims;
    const now = clock.now();
    const known = this.#sessions.get(session);
    // With another nonce either the token or what is known here is of an earlier session of this terminal.
    const isFresh = known && known.seen === known.heard && known.record.nonce === nonce;
    this.#meter.cache(isFresh ? 'hit' : 'miss');
    const live = isFresh ? known : await this.#look(session, nonce, operation);
    if (!live || live.record.maxAt <= now) this.#sessions.delete(session);
    if (live?.record.nonce !== nonce || live.record.maxAt <= now) {
      this.#meter.lookup((await this.#options.lost?.isLost({ id: session, nonce }, claims)) ? 'lost' : 'over');
      throw sessionOver();
    }
    this.#meter.lookup('alive');
    live.usedAt = now;
    if (now - live.touchedAt >= TOUCH_MS) live.touching ??= this.#touch(live);
    return live;
  }

  /** A session that is served from here was found to be gone, whoever looked: it is looked at again before it is used. */
  async missed({ id, nonce }: SessionIdentity): Promise<void> {
    const live = this.#sessions.get(id);
    if (live?.record.nonce === nonce) live.heard += 1;
    if (await this.#options.lost?.isLost({ id, nonce })) this.#meter.lookup('lost');
  }

  /** The session of a token, in use until the reply is closed. @throws AppError as `admit` */
  async enter(token: string, reply: Pick<Reply, 'onClose' | 'operation'>): Promise<LiveSession> {
    const live = await this.admit(token, reply.operation);
    this.use(live, reply);
    return live;
  }

  /** Keeps the session alive until the reply is closed: somebody waits for an answer, or listens. */
  use(live: LiveSession, reply: Pick<Reply, 'onClose'>): void {
    live.open += 1;
    reply.onClose(() => {
      live.open -= 1;
      live.usedAt = this.#options.clock.now();
    });
  }

  /** Keeps those alive that are in use, and forgets those that were not for long. Called from time to time. */
  sweep(): void {
    const now = this.#options.clock.now();
    this.#options.lost?.sweep();
    for (const [id, live] of this.#sessions) {
      if (live.open > 0 && live.record.maxAt > now) live.touching ??= this.#touch(live);
      else if (live.usedAt < now - FORGET_MS) this.#sessions.delete(id);
    }
  }

  /** A connection that this replica knows, unless another one has ended it. */
  async conversation(live: LiveSession, id: ConnectionId): Promise<Conversation | undefined> {
    const conversation = live.conversations.get(id);
    const { unsure } = live;
    if (!conversation || !unsure.has(id)) return conversation;
    // An outage takes nothing from those who are served.
    const there = await this.#options.store.find(live.record.id, id).catch(() => conversation.record);
    unsure.delete(id); // only now: whoever asked meanwhile waits for the same answer
    if (there?.createdAt === conversation.record.createdAt) return conversation;
    if (live.conversations.get(id) === conversation) live.conversations.delete(id); // ended, or opened anew
    return undefined;
  }

  /** A connection of the session has ended: every replica looks again before it uses one. */
  ended(live: LiveSession, id: ConnectionId): void {
    live.conversations.delete(id);
    this.changed(live);
  }

  /** Connections of the session have changed: every replica looks again before it uses one. */
  changed(live: LiveSession): void {
    this.#options.signals.publish(live.record.id);
  }

  /** Waits for changes of the session and its connections. */
  wakeups(live: LiveSession): Wakeups {
    return new Wakeups(this.#options.signals, this.#options.clock, live.record.id);
  }

  /** Whether the session is not over, as far as that can be known at the moment. */
  async isOpen(live: LiveSession): Promise<boolean> {
    const { store, clock } = this.#options;
    const record = await store.peek(live.record.id).catch(() => live.record);
    return record?.nonce === live.record.nonce && record.maxAt > clock.now();
  }

  /** All connections that the store has of the session; it is waited for. @throws AppError `store.unavailable` */
  connections(live: LiveSession): Promise<ConnectionRecord[]> {
    return this.#outlast(() => this.#options.store.connections(live.record.id));
  }

  /** What the store has of a connection; it is waited for. @throws AppError `store.unavailable` */
  stored(live: LiveSession, id: ConnectionId): Promise<ConnectionRecord | undefined> {
    return this.#outlast(() => this.#options.store.find(live.record.id, id));
  }

  /** What the store has; in an outage what was known, if it is what the token is for. Else the store is waited for (D6). */
  async #look(id: SessionId, nonce: string, operation?: Pick<Operation, 'waited'>): Promise<LiveSession | undefined> {
    const look = async () => {
      try {
        return await this.#load(id);
      } catch (error) {
        const known = this.#sessions.get(id);
        if (known?.record.nonce !== nonce) throw error;
        return known;
      }
    };
    try {
      return await this.#outlast(look, operation);
    } catch (error) {
      this.#meter.lookup('unknown');
      throw error;
    }
  }

  /** What `look` finds; while the store is out of reach, whoever asks is held. @throws AppError `store.unavailable` */
  async #outlast<T>(look: () => Promise<T>, operation?: Pick<Operation, 'waited'>): Promise<T> {
    const { clock, holdMs } = this.#options;
    const hold = this.#meter.hold();
    const startedAt = performance.now();
    let isHeld = false;
    const onWait = () => {
      isHeld = true;
      hold.begin();
    };
    try {
      const found = await outlast(clock, holdMs, look, onWait);
      if (isHeld) operation?.waited(performance.now() - startedAt);
      hold.end('served');
      return found;
    } catch (error) {
      hold.end(holdOutcome(error));
      throw error;
    }
  }

  /**
   * Looks at the record, once at a time, until all is seen that was heard of. Whoever waits for an emptied store signals
   * that it waits: were each signal answered with a look, each look would make more of them.
   */
  #follow(live: LiveSession): void {
    if (live.following) return;
    live.following = true;
    void this.#load(live.record.id)
      .then(
        (found) => found === live && live.open > 0 && live.seen < live.heard,
        () => false,
      )
      .then((isBehind) => {
        live.following = false;
        if (isBehind) this.#follow(live);
      });
  }

  async #load(id: SessionId): Promise<LiveSession | undefined> {
    const heard = this.#sessions.get(id)?.heard ?? 0; // a change from here on is another one
    const record = await this.#options.store.peek(id);
    if (!record) return undefined;
    const known = this.#sessions.get(id);
    if (known?.record.nonce === record.nonce) {
      known.seen = Math.max(known.seen, heard);
      known.unsure = new Set(known.conversations.keys());
      renew(known, record);
      return known;
    }
    const live = newLiveSession(record, this.#options.clock.now());
    this.#sessions.set(id, live);
    return live;
  }

  async #touch(live: LiveSession): Promise<void> {
    const at = this.#options.clock.now();
    try {
      const record = await this.#options.store.touch(live.record.id);
      if (record?.nonce === live.record.nonce) {
        renew(live, record);
        this.#options.lost?.kept(record, at);
      } else live.heard += 1;
    } catch (error) {
      this.#options.log.warn({ err: error }, 'the activity of a session could not be noted');
    } finally {
      live.touchedAt = this.#options.clock.now();
      live.touching = undefined;
    }
  }
}
