import type { V1Pod } from '@kubernetes/client-node';
import type { Clock } from '../../core/clock.ts';
import { messageOf } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import { backoffDelay } from '../../core/retry.ts';
import type { Cluster } from './cluster.ts';
import { PodCache, type PodPage } from './pod-cache.ts';

const BACKOFF = { baseMs: 200, maxMs: 10_000 };
/** HTTP status of a version that is too old to go on from. */
const GONE = 410;
/** A watch that ended sooner, and said nothing, did not stand, milliseconds. */
const SHORT_MS = 1000;

export interface PodWatchOptions {
  readonly cluster: Pick<Cluster, 'listPods' | 'watchPods'>;
  /** Labels of the Pods. */
  readonly labels: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly log: Pick<Logger, 'warn'>;
  /** A number in [0, 1). */
  readonly random: () => number;
  /** The watch ends then. */
  readonly over: AbortSignal;
}

/**
 * Follows a deployment's Pods: one list, then a watch that goes on from the last version it heard of, and from a new list when
 * that is too old. What it knows counts only while the watch stands.
 */
export class PodWatch {
  readonly #options: PodWatchOptions;
  readonly #cache = new PodCache();
  readonly #waiting = new Set<() => void>();
  #begun = false;
  #stands = false;

  constructor(options: PodWatchOptions) {
    this.#options = options;
  }

  /** The Pod of this name, which may not be there; undefined: the watch does not stand, and nobody knows. */
  look(name: string): { readonly pod: V1Pod | undefined } | undefined {
    this.#begin();
    return this.#stands ? { pod: this.#cache.get(name) } : undefined;
  }

  /** A Pod as this program has just made it. */
  made(pod: V1Pod): void {
    this.#cache.put(pod);
  }

  /** A list that was made for another reason. */
  listed(page: PodPage): void {
    if (this.#stands) for (const pod of page.pods) this.#cache.put(pod);
  }

  /** Resolves when something has happened to some Pod, at the latest after `ms` milliseconds. */
  async changed(ms: number, signal: AbortSignal): Promise<void> {
    this.#begin();
    const done = new AbortController();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.add(resolve);
    const late = this.#options.clock.sleep(ms, AbortSignal.any([done.signal, signal])).catch(() => {});
    try {
      await Promise.race([promise, late]);
    } finally {
      this.#waiting.delete(resolve);
      done.abort();
    }
  }

  #begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    void this.#follow();
  }

  async #follow(): Promise<void> {
    const { clock, log, over, random } = this.#options;
    for (let failures = 0; !over.aborted; ) {
      try {
        if (await this.#watch()) failures = 0;
        else failures += 1;
      } catch (error) {
        failures += 1;
        if (failures === 1 && !over.aborted) log.warn({ reason: messageOf(error) }, 'Pods cannot be watched');
      }
      this.#stands = false;
      this.#tell();
      if (failures > 0) await clock.sleep(backoffDelay(BACKOFF, failures, random()), over).catch(() => {}); // over
    }
  }

  /** True: it stood, and ended as watches do. Throws if it was refused, unless a new list helps. */
  async #watch(): Promise<boolean> {
    const { cluster, labels, clock, over } = this.#options;
    if (this.#cache.version === undefined) this.#cache.replace(await cluster.listPods(labels));
    let [opened, heard] = [Number.NaN, false];
    const onOpen = () => {
      opened = clock.now();
      this.#stands = true;
      this.#tell();
    };
    const onEvent = (type: string, pod: V1Pod) => {
      if (this.#cache.apply(type, pod)) heard = true;
      else this.#stands = false;
      this.#tell();
    };
    const refused = await cluster.watchPods(labels, this.#cache.version ?? '', { onOpen, onEvent }, over);
    if (refused === GONE) this.#cache.version = undefined;
    else if (refused !== undefined) throw new Error(`the API server answers with HTTP ${refused}`);
    return heard || clock.now() - opened >= SHORT_MS;
  }

  #tell(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const tell of waiting) tell();
  }
}
