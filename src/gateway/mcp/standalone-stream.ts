import { type FollowMode, STANDALONE } from '../../core/channel.ts';
import type { Clock } from '../../core/clock.ts';
import type { AppError, ErrorCode } from '../../core/errors.ts';
import type { ServerName } from '../../core/ids.ts';
import { backoffDelay } from '../../core/retry.ts';
import { standaloneEventId } from './event-id.ts';
import { type Place, Pursuit, type Sink } from './pursuit.ts';
import type { Reach } from './reach.ts';
import type { Reply } from './reply.ts';
import type { Translate } from './request-stream.ts';
import type { Target } from './target.ts';

/** A server that is down is looked for again; nobody waits for it. */
const BACKOFF = { baseMs: 1000, maxMs: 30_000 };
/** Nothing comes after these. */
const OVER: ReadonlySet<ErrorCode> = new Set(['session.over', 'connection.over', 'server.unknown', 'stream.taken']);
const LISTS = ['tools', 'prompts', 'resources'] as const;
/** Stands for a host's boot where the client may know less of the server than it had said by now. */
const UNKNOWN = '';

/** What of a client's answer is needed to send it what belongs to no request. */
export type StandaloneReply = Pick<Reply, 'closed' | 'congested' | 'onClose' | 'onDrain' | 'stream' | 'send' | 'end'>;

/** Joins what servers say by themselves, and ask, to a client's GET stream. */
export class StandaloneStream {
  readonly #reach: Reach;
  readonly #reply: StandaloneReply;
  readonly #clock: Clock;
  /** Where the client is. */
  readonly #offsets: Map<ServerName, number>;
  readonly #mode: FollowMode | undefined;
  readonly #pursuits = new Map<ServerName, Pursuit>();
  /** Servers that were asked for their stream. */
  readonly #begun = new Set<ServerName>();
  readonly #closed = new AbortController();

  /** @param mode how to follow the servers' streams; absent: in place of whoever listened before */
  constructor(
    reach: Reach,
    reply: StandaloneReply,
    clock: Clock,
    offsets: ReadonlyMap<ServerName, number> = new Map(),
    mode?: FollowMode,
  ) {
    this.#mode = mode;
    this.#reach = reach;
    this.#reply = reply;
    this.#clock = clock;
    this.#offsets = new Map(offsets);
    reply.onClose(() => {
      this.#closed.abort();
      for (const pursuit of this.#pursuits.values()) pursuit.leave();
    });
    reply.stream();
  }

  /**
   * Sends what this server says, from where the client is, until the client goes. It may be added already.
   * @param known false: the client may not know what the server has, and is to look at its lists once it is reached
   */
  add(target: Target, translate?: Translate, known = true): void {
    if (this.#pursuits.has(target.server)) return;
    const seen = this.#offsets.get(target.server);
    this.#follow(target, translate, seen === undefined && !known ? { boot: UNKNOWN } : { seen }, 0);
  }

  #follow(target: Target, translate: Translate | undefined, place: Place, failures: number): void {
    if (this.#closed.signal.aborted) return;
    const { server } = target;
    const sink: Sink = {
      entry: (offset, payload, _last, own) => {
        if (this.#reply.closed) return false; // it has ended already: the host keeps this for whoever listens next
        const translated = translate && !own ? translate(payload) : payload;
        this.#offsets.set(server, offset);
        if (translated) this.#reply.send(translated, () => standaloneEventId(this.#offsets), false);
        if (this.#reply.congested) {
          pursuit.leave();
          this.#reply.onDrain(() => this.#follow(target, translate, pursuit.place, 0));
        }
        return !this.#closed.signal.aborted;
      },
      // Another GET stream of this connection has taken over, or the connection was closed.
      end: () => this.#reply.end(),
      moved: () => {
        if (this.#mode !== 'share') this.resync(target);
      },
      failed: (error) => void this.#again(target, translate, pursuit.place, failures + 1, error),
    };
    const pursuit = new Pursuit(
      this.#reach,
      target,
      (link, subscriber, seen) => {
        const mode = this.#modeFor(target);
        return link.follow(target.connection, STANDALONE, seen, subscriber, mode);
      },
      sink,
      place,
    );
    this.#pursuits.set(server, pursuit);
    pursuit.start();
  }

  async #again(
    target: Target,
    translate: Translate | undefined,
    place: Place,
    failures: number,
    error: AppError,
  ): Promise<void> {
    if (OVER.has(error.code)) {
      this.#reply.end();
      return;
    }
    if (error.code === 'call.result-gone') {
      this.resync(target);
      this.#follow(target, translate, { boot: place.boot }, failures);
      return;
    }
    await this.#clock.sleep(backoffDelay(BACKOFF, failures, Math.random()), this.#closed.signal).catch(() => {});
    // With an offset the host itself says whether something is missing.
    const unknown = place.seen === undefined && place.boot === undefined;
    this.#follow(target, translate, unknown ? { boot: UNKNOWN } : place, failures);
  }

  /**
   * Once it is followed it is this client's, also where the host has not noticed yet that an earlier link was lost. Beside
   * others it is followed from now on, each time: what was said since the time before is lost.
   */
  #modeFor(target: Target): FollowMode | undefined {
    const isFirst = !this.#begun.has(target.server);
    this.#begun.add(target.server);
    if (this.#mode === 'share' && !isFirst) this.resync(target);
    return this.#mode === 'free' && !isFirst ? undefined : this.#mode;
  }

  /** Messages may have been lost: says so by what makes a client look again at all that it knows of the server. */
  resync(target: Target): void {
    this.#offsets.delete(target.server);
    for (const list of LISTS) {
      if (!target.facts?.capabilities[list]) continue;
      const method = `notifications/${list}/list_changed`;
      this.#reply.send(Buffer.from(JSON.stringify({ jsonrpc: '2.0', method })), undefined, false);
    }
  }
}
