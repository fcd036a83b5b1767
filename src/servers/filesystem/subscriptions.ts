import type { Clock } from '../../core/clock.ts';
import { pathOf } from './resources.ts';
import type { Watch } from './watch/watch.ts';
import type { WatchOptions } from './watch/watch-options.ts';
import type { Watches } from './watch/watches.ts';

/** Between two notifications of one directory. */
const PAUSE_MS = 500;

export interface SubscriptionsOptions {
  readonly watches: Watches;
  readonly clock: Clock;
  /** Sends `notifications/resources/updated`. */
  readonly updated: (uri: string) => void;
}

/** As a watch that says nothing else is. */
const OPTIONS: WatchOptions = { ignore: [], gitignore: true, polling: false };

/** Directories of which the client wants to know that something in or below them was changed. */
export class Subscriptions {
  readonly #options: SubscriptionsOptions;
  readonly #ends = new Map<string, () => Promise<void>>();

  constructor(options: SubscriptionsOptions) {
    this.#options = options;
  }

  /** @throws AppError `params.invalid` */
  async add(uri: string): Promise<void> {
    if (this.#ends.has(uri)) return;
    const { watches } = this.#options;
    const { watch, since } = await watches.start(pathOf(uri), OPTIONS, uri);
    const over = new AbortController();
    const following = this.#follow(uri, watch, since, over.signal).catch(() => {});
    this.#ends.set(uri, async () => {
      over.abort();
      await following;
      await watches.stop(watch.id, uri);
    });
  }

  async remove(uri: string): Promise<void> {
    const end = this.#ends.get(uri);
    this.#ends.delete(uri);
    await end?.();
  }

  /** Rejects when the subscription, or the watch, is over. */
  async #follow(uri: string, watch: Watch, since: number, signal: AbortSignal): Promise<void> {
    for (let position = since; ; position = watch.head) {
      await watch.changed(position, signal);
      await watch.settled();
      this.#options.updated(uri);
      await this.#options.clock.sleep(PAUSE_MS, signal);
    }
  }
}
