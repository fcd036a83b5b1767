import { randomUUID } from 'node:crypto';
import { isSessionId, type SessionId } from '../../core/ids.ts';
import { LocalSignals } from '../../core/local-signals.ts';
import type { Signals } from '../../core/signals.ts';
import type { RedisBus } from './bus.ts';

/**
 * Signals between processes. This process hears its own at once, whatever Redis does; the others hear them if Redis is
 * there. Nothing here throws, because a signal is only a hint.
 */
export class RedisSignals implements Signals, Disposable {
  readonly #bus: RedisBus;
  readonly #channel: string;
  /** Those of one's own come back, too. */
  readonly #origin = randomUUID();
  readonly #local = new LocalSignals();
  readonly #subscription: Disposable;

  /** @param channel the deployment's (keys.ts) */
  constructor(bus: RedisBus, channel: string) {
    this.#bus = bus;
    this.#channel = channel;
    this.#subscription = bus.on(channel, (text) => this.#hear(text));
  }

  publish(session: SessionId): void {
    this.#local.publish(session);
    this.#bus.publish(this.#channel, `${this.#origin} ${session}`).catch(() => {}); // everybody looks from time to time
  }

  subscribe(listener: (session: SessionId) => void): Disposable {
    return this.#local.subscribe(listener);
  }

  [Symbol.dispose](): void {
    this.#subscription[Symbol.dispose]();
  }

  #hear(text: string): void {
    const [origin, session = ''] = text.split(' ');
    if (origin !== this.#origin && isSessionId(session)) this.#local.publish(session);
  }
}
