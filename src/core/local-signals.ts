import type { SessionId } from './ids.ts';
import type { Signals } from './signals.ts';

/** Signals within one process. Listeners run in a microtask of their own, so a publisher never runs them re-entrantly. */
export class LocalSignals implements Signals {
  readonly #listeners = new Set<(session: SessionId) => void>();

  publish(session: SessionId): void {
    queueMicrotask(() => {
      for (const listener of this.#listeners) listener(session);
    });
  }

  subscribe(listener: (session: SessionId) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }
}
