import type { Clock } from '../../core/clock.ts';
import { AppError } from '../../core/errors.ts';
import type { ConnectionId, SessionId } from '../../core/ids.ts';
import type { Logger } from '../../core/logger.ts';
import type { SessionRecord } from '../../core/session.ts';
import type { Signals } from '../../core/signals.ts';
import type { ConnectionStore, SessionStore } from '../../core/store.ts';
import type { Tokens } from '../../sessions/tokens.ts';
import type { Conversation } from './conversation.ts';

/** A session in use is looked up again, and its deadline moved on, so often: milliseconds. Not on the path of a call. */
const TOUCH_MS = 5000;
/** What nobody used for so long is dropped from memory, milliseconds. */
const FORGET_MS = 10 * 60_000;

/** A session that this gateway knows, with those of its connections that it knows. */
export interface LiveSession {
  record: SessionRecord;
  readonly conversations: Map<ConnectionId, Conversation>;
  touchedAt: number;
  usedAt: number;
  /** It has changed: look again before it is used. */
  stale: boolean;
  touching: Promise<void> | undefined;
}

export interface SessionCacheOptions {
  readonly store: SessionStore & ConnectionStore;
  readonly tokens: Tokens;
  readonly signals: Signals;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * The sessions that this gateway has to do with. A cache of the store: whatever is in it can be had again (D1), and while
 * the store is out of reach it goes on serving what it knows (D5).
 */
export class SessionCache implements Disposable {
  readonly #options: SessionCacheOptions;
  readonly #sessions = new Map<SessionId, LiveSession>();
  readonly #subscription: Disposable;
  readonly #sweeper: NodeJS.Timeout;

  constructor(options: SessionCacheOptions) {
    this.#options = options;
    this.#subscription = options.signals.subscribe((id) => {
      const live = this.#sessions.get(id);
      if (live) live.stale = true;
    });
    this.#sweeper = setInterval(() => this.#sweep(), FORGET_MS / 10);
    this.#sweeper.unref();
  }

  [Symbol.dispose](): void {
    this.#subscription[Symbol.dispose]();
    clearInterval(this.#sweeper);
  }

  /**
   * The session of a token.
   * @throws AppError `auth.invalid`, `session.over`, `store.unavailable`
   */
  async admit(token: string): Promise<LiveSession> {
    const { tokens, clock } = this.#options;
    const claims = tokens.verify(token);
    const now = clock.now();
    const known = this.#sessions.get(claims.session);
    const live = known && !known.stale ? known : await this.#load(claims.session, known);
    // An earlier session of this terminal had another nonce: its token ended with it.
    if (!live || live.record.nonce !== claims.nonce || live.record.maxAt <= now) {
      this.#sessions.delete(claims.session);
      throw over();
    }
    live.usedAt = now;
    if (now - live.touchedAt >= TOUCH_MS) live.touching ??= this.#touch(live);
    return live;
  }

  /** Loads a session for the first time, or again after a change. */
  async #load(id: SessionId, known: LiveSession | undefined): Promise<LiveSession | undefined> {
    const { store, clock } = this.#options;
    if (known) known.stale = false; // a change from here on is another one
    let record: SessionRecord | undefined;
    try {
      record = await store.touch(id);
    } catch (error) {
      if (!known) throw error;
      known.stale = true;
      return known;
    }
    if (!record) return undefined;
    const now = clock.now();
    const live = this.#sessions.get(id);
    if (live && live.record.nonce === record.nonce) {
      live.record = record;
      live.touchedAt = now;
      return live;
    }
    const fresh: LiveSession = {
      record,
      conversations: new Map(),
      touchedAt: now,
      usedAt: now,
      stale: false,
      touching: undefined,
    };
    this.#sessions.set(id, fresh);
    return fresh;
  }

  async #touch(live: LiveSession): Promise<void> {
    try {
      const record = await this.#options.store.touch(live.record.id);
      live.touchedAt = this.#options.clock.now();
      if (record) live.record = record;
      else live.stale = true;
    } catch (error) {
      live.touchedAt = this.#options.clock.now();
      this.#options.log.warn({ err: error }, 'the activity of a session could not be noted');
    } finally {
      live.touching = undefined;
    }
  }

  #sweep(): void {
    const unused = this.#options.clock.now() - FORGET_MS;
    for (const [id, live] of this.#sessions) {
      const open = [...live.conversations.values()].some((conversation) => conversation.streams > 0);
      // An open stream is use: the terminal is there, and listens.
      if (open && live.record.maxAt > this.#options.clock.now()) live.touching ??= this.#touch(live);
      else if (live.usedAt < unused) this.#sessions.delete(id);
    }
  }
}

const over = () =>
  new AppError(
    'session.over',
    'This session is over: it was ended, or was not used for too long. Run `mcp-session-manager init` in its terminal again',
  );
