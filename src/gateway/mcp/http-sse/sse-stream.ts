import type { FollowMode } from '../../../core/channel.ts';
import type { Clock } from '../../../core/clock.ts';
import type { ConnectionRecord } from '../../../core/connection.ts';
import { AppError } from '../../../core/errors.ts';
import type { ConnectionId } from '../../../core/ids.ts';
import type { Connections } from '../connections.ts';
import type { Conversation } from '../conversation.ts';
import { type StandaloneCursor, standaloneEventId } from '../event-id.ts';
import type { LiveSession } from '../live-session.ts';
import type { Reply } from '../reply.ts';
import type { SessionCache } from '../session-cache.ts';
import { Listening } from './listening.ts';
import type { PendingCalls } from './pending-calls.ts';

/** A client that was started anew sends "initialize" within this time, milliseconds; one that came back never does. */
const GRACE_MS = 500;
/** A stream that nobody initializes a connection for ends, milliseconds: whoever is there comes back. */
const IDLE_MS = 5 * 60_000;
/** For so long a connection that was closed may be opened anew, milliseconds. */
const RENEWAL_MS = 5000;
/** Signals can be lost: how often a connection is looked for without one, milliseconds; the more rarely, the longer it takes. */
const LOOK = { firstMs: 500, lastMs: 5000 };

/** Where a client's stream begins. */
export interface Start {
  readonly id: ConnectionId;
  /** The connection as it is; absent: its client has not initialized it yet. */
  readonly record?: ConnectionRecord;
  /** With `record`: where the client is; absent: behind what was sent before. */
  readonly cursor?: StandaloneCursor;
  /** With `record`: how to follow it; absent: in place of whoever did. */
  readonly mode?: FollowMode;
  /** It is not known whether the client that it was guessed for is the one: it is given time to say "initialize". */
  readonly guessed?: true;
}

export interface SseStreamOptions {
  readonly sessions: SessionCache;
  readonly connections: Connections;
  readonly clock: Clock;
  /** Absent: nothing is measured. */
  readonly pending?: PendingCalls;
}

/**
 * The stream of one client: the `endpoint` event, and then, as `message` events, all that is said to it, from the moment on at
 * which its connection exists, by whichever replica that was opened or opened anew.
 */
export class SseStream {
  readonly #options: SseStreamOptions;
  readonly #live: LiveSession;
  readonly #reply: Reply;
  readonly #start: Start;
  readonly #closed = new AbortController();
  /** The id of the last event. */
  #place: string;

  constructor(options: SseStreamOptions, live: LiveSession, reply: Reply, start: Start) {
    this.#options = options;
    this.#live = live;
    this.#reply = reply;
    this.#start = start;
    this.#place = this.#idOf(standaloneEventId(start.cursor?.offsets ?? new Map()));
    reply.onClose(() => this.#closed.abort());
  }

  /**
   * Resolves when the stream has ended. What ends it the client sees when it comes back.
   * @param endpoint where the client posts its messages
   */
  async run(endpoint: string): Promise<void> {
    this.#reply.stream();
    this.#send('endpoint', Buffer.from(endpoint));
    try {
      await this.#follow();
    } catch (error) {
      if (!this.#closed.signal.aborted && !(error instanceof AppError)) throw error;
    }
    this.#reply.end();
  }

  async #follow(): Promise<void> {
    const { id, record, cursor, mode, guessed } = this.#start;
    if (guessed) await this.#options.clock.sleep(GRACE_MS, this.#closed.signal);
    let conversation = record && (await this.#options.connections.find(this.#live, id));
    if (conversation && conversation.record.createdAt === record?.createdAt) {
      await this.#listen(conversation, cursor, mode);
    }
    for (let before = record; ; before = conversation.record) {
      conversation = await this.#opened(before);
      if (!conversation) return;
      await this.#listen(conversation, this.#beginning(conversation));
    }
  }

  /** Resolves when nothing more comes: the connection was closed, or another stream of it has taken over. */
  #listen(conversation: Conversation, cursor: StandaloneCursor | undefined, mode?: FollowMode): Promise<void> {
    const send = (payload: Buffer, place: string | undefined): void => {
      if (place !== undefined) this.#place = this.#idOf(place);
      this.#options.pending?.told(this.#start.id, payload);
      this.#send('message', payload);
    };
    return new Promise((resolve) => {
      conversation.listen(cursor, new Listening(this.#reply, send, resolve), mode);
    });
  }

  /**
   * The connection, as soon as it is opened, or opened anew since it was `before`.
   * @returns undefined if it is not going to be
   * @throws AppError `session.over`, `store.unavailable`
   */
  async #opened(before: ConnectionRecord | undefined): Promise<Conversation | undefined> {
    const { sessions, connections, clock } = this.#options;
    using wakeups = sessions.wakeups(this.#live);
    const deadline = clock.now() + (before ? RENEWAL_MS : IDLE_MS);
    for (let delay = LOOK.firstMs; ; delay = Math.min(delay * 2, LOOK.lastMs)) {
      this.#closed.signal.throwIfAborted();
      const stored = await sessions.stored(this.#live, this.#start.id);
      if (stored && stored.createdAt !== before?.createdAt) {
        this.#live.unsure.add(stored.id); // what is known of it here may be from before
        return connections.find(this.#live, stored.id);
      }
      if (clock.now() >= deadline) return undefined;
      if (before ? !stored : !(await sessions.isOpen(this.#live))) return undefined;
      await wakeups.next(delay, this.#closed.signal);
    }
  }

  /** Before all that its servers have said. One that does not run yet is left out: the client is told when it comes. */
  #beginning({ record }: Conversation): StandaloneCursor {
    const { servers } = this.#live.record;
    const names = record.server === undefined ? Object.keys(servers) : [record.server];
    const running = names.filter((name) => servers[name]?.state.phase === 'ready');
    return { kind: 'standalone', offsets: new Map(running.map((name) => [name, 0])) };
  }

  #idOf(place: string): string {
    return `${this.#start.id}${place}`;
  }

  #send(event: 'endpoint' | 'message', data: Buffer): void {
    // The fields of an event may come in any order (HTML, "Interpreting an event stream").
    this.#reply.send(data, () => `${this.#place}\nevent: ${event}`, false);
  }
}
