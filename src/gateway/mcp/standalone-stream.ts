import { STANDALONE } from '../../core/channel.ts';
import type { Clock } from '../../core/clock.ts';
import type { AppError } from '../../core/errors.ts';
import type { ServerName } from '../../core/ids.ts';
import { backoffDelay } from '../../core/retry.ts';
import { standaloneEventId } from './event-id.ts';
import { Pursuit, type Sink } from './pursuit.ts';
import type { Reach } from './reach.ts';
import type { Reply } from './reply.ts';
import type { Translate } from './request-stream.ts';
import type { Target } from './target.ts';

/** A server that is down is looked for again; nobody waits for it. */
const BACKOFF = { baseMs: 1000, maxMs: 30_000 };
const LISTS = ['tools', 'prompts', 'resources'] as const;

/** Joins what servers say by themselves, and ask, to a client's GET stream. */
export class StandaloneStream {
  readonly #reach: Reach;
  readonly #reply: Reply;
  readonly #clock: Clock;
  /** Where the client is. */
  readonly #offsets: Map<ServerName, number>;
  readonly #closed = new AbortController();

  constructor(reach: Reach, reply: Reply, clock: Clock, offsets: ReadonlyMap<ServerName, number> = new Map()) {
    this.#reach = reach;
    this.#reply = reply;
    this.#clock = clock;
    this.#offsets = new Map(offsets);
    reply.onClose(() => this.#closed.abort());
    reply.stream();
  }

  /** Sends what this server says, from where the client is, until the client goes. */
  add(target: Target, translate?: Translate): void {
    this.#follow(target, translate, 0);
  }

  #follow(target: Target, translate: Translate | undefined, failures: number): void {
    if (this.#closed.signal.aborted) return;
    const { server } = target;
    const sink: Sink = {
      entry: (offset, payload) => {
        this.#offsets.set(server, offset);
        this.#reply.send(translate ? translate(payload) : payload, () => standaloneEventId(this.#offsets), false);
        if (!this.#reply.congested) return;
        pursuit.leave();
        this.#reply.onDrain(() => this.#follow(target, translate, 0));
      },
      // Another GET stream of this connection has taken over, or the connection was closed.
      end: () => this.#reply.end(),
      moved: () => this.#resync(target),
      failed: (error) => void this.#again(target, translate, failures + 1, error),
    };
    const pursuit = new Pursuit(
      this.#reach,
      target,
      (link, subscriber, seen) => link.follow(target.connection, STANDALONE, seen, subscriber),
      sink,
      this.#offsets.get(server),
    ).start();
    this.#closed.signal.addEventListener('abort', () => pursuit.leave(), { once: true });
  }

  async #again(target: Target, translate: Translate | undefined, failures: number, error: AppError): Promise<void> {
    if (error.code === 'session.over' || error.code === 'server.unknown') {
      this.#reply.end();
      return;
    }
    if (error.code === 'call.result-gone') this.#resync(target);
    else await this.#clock.sleep(backoffDelay(BACKOFF, failures, Math.random()), this.#closed.signal).catch(() => {});
    this.#offsets.delete(target.server);
    this.#follow(target, translate, failures);
  }

  /** Messages may have been lost: says so by what makes a client look again at all that it knows of the server. */
  #resync(target: Target): void {
    this.#offsets.delete(target.server);
    for (const list of LISTS) {
      if (!target.facts?.capabilities[list]) continue;
      const method = `notifications/${list}/list_changed`;
      this.#reply.send(Buffer.from(JSON.stringify({ jsonrpc: '2.0', method })), undefined, false);
    }
  }
}
