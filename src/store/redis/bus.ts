import type { Clock } from '../../core/clock.ts';
import { RedisConnection, type RedisOptions } from './connection.ts';

/** How often a silent subscription is asked whether it is still there, milliseconds. */
const PING_MS = 5000;

type Listener = (text: string) => void;

/**
 * Pub/sub on connections of its own: one that listens, for a subscription is lost with its connection, and one that speaks.
 * It subscribes again whenever it is connected again; what was said meanwhile is lost.
 */
export class RedisBus implements AsyncDisposable {
  readonly #clock: Clock;
  readonly #listening: RedisConnection;
  readonly #speaking: RedisConnection;
  readonly #listeners = new Map<string, Set<Listener>>();
  readonly #over = new AbortController();
  readonly #pinging: Promise<void>;

  /** Connects in the background. */
  constructor(options: RedisOptions) {
    this.#clock = options.clock;
    this.#listening = new RedisConnection(options);
    this.#speaking = new RedisConnection(options);
    const { client } = this.#listening;
    client.on('ready', () => this.#subscribe([...this.#listeners.keys()]));
    client.on('message', (channel: string, text: string) => {
      for (const listener of this.#listeners.get(channel) ?? []) listener(text);
    });
    this.#pinging = this.#ping();
  }

  /** Resolves with how many heard it. Throws `StoreUnavailable`. */
  publish(channel: string, text: string): Promise<number> {
    return this.#speaking.ask((redis) => redis.publish(channel, text));
  }

  /** Calls `listener` for what is said on the channel, as soon as it is subscribed and until disposed. */
  on(channel: string, listener: Listener): Disposable {
    const listeners = this.#listeners.get(channel) ?? new Set();
    if (listeners.size === 0) {
      this.#listeners.set(channel, listeners);
      this.#subscribe([channel]);
    }
    listeners.add(listener);
    return { [Symbol.dispose]: () => this.#off(channel, listener) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    await Promise.all([this.#pinging, this.#listening[Symbol.asyncDispose](), this.#speaking[Symbol.asyncDispose]()]);
  }

  #off(channel: string, listener: Listener): void {
    const listeners = this.#listeners.get(channel);
    if (!listeners?.delete(listener) || listeners.size > 0) return;
    this.#listeners.delete(channel);
    const { client } = this.#listening;
    if (client.status === 'ready') client.unsubscribe(channel).catch(() => {}); // gone with the connection
  }

  #subscribe(channels: string[]): void {
    const { client } = this.#listening;
    if (channels.length === 0 || client.status !== 'ready') return; // done when it is
    client.subscribe(...channels).catch(() => {}); // the connection broke: done when the next one is ready
  }

  /** A connection that is dead without knowing is closed for want of an answer, and made again. */
  async #ping(): Promise<void> {
    const { signal } = this.#over;
    while (!signal.aborted) {
      await this.#clock.sleep(PING_MS, signal).catch(() => {}); // over: the loop's condition sees it
      if (!signal.aborted) await this.#listening.ask((redis) => redis.ping()).catch(() => {});
    }
  }
}
