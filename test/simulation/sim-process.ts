import type { Clock } from '../../src/core/clock.ts';
import type { Prng } from './prng.ts';
import type { Scene, Timeline } from './timeline.ts';

/**
 * One process of the deployment: what it waits for reaches it only while it lives. Killed, it is gone in the middle of
 * whatever it did; stopped (SIGSTOP), everything waits and then comes at once.
 */
export class SimProcess implements Scene {
  readonly name: string;
  readonly clock: Clock;
  readonly #time: Timeline;
  readonly #prng: Prng;
  readonly #ends: (() => void)[] = [];
  #backlog: (() => void)[] | undefined;
  alive = true;

  constructor(name: string, time: Timeline, prng: Prng) {
    this.name = name;
    this.#time = time;
    this.#prng = prng;
    this.clock = { now: () => time.now, sleep: (ms, signal) => this.#sleep(ms, signal) };
  }

  get stopped(): boolean {
    return this.#backlog !== undefined;
  }

  run(task: () => void): void {
    if (!this.alive) return;
    if (this.#backlog) this.#backlog.push(task);
    else task();
  }

  /** Calls back, as the world outside, when the process has died. */
  onEnd(callback: () => void): void {
    this.#ends.push(callback);
  }

  kill(): void {
    if (!this.alive) return;
    this.alive = false;
    for (const end of this.#ends.splice(0)) end();
  }

  stop(): void {
    this.#backlog ??= [];
  }

  resume(): void {
    const backlog = this.#backlog ?? [];
    this.#backlog = undefined;
    for (const task of backlog) if (this.alive) task();
  }

  /**
   * Asks something of the world: `work` is done some time later, whether this process still lives or not, and what comes of it
   * arrives later still.
   */
  ask<T>(work: () => T | Promise<T>, most = 20): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#time.after(this.#prng.between(1, most), () => {
        const answer = (deliver: () => void) => void this.#time.after(this.#prng.between(1, most), deliver, this);
        (async () => work())().then(
          (value) => answer(() => resolve(value)),
          (error: unknown) => answer(() => reject(error)),
        );
      });
    });
  }

  #sleep(ms: number, signal?: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    if (signal?.aborted) {
      reject(signal.reason);
      return promise;
    }
    const cancel = this.#time.after(
      ms,
      () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      },
      this,
    );
    const onAbort = () => {
      cancel();
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    return promise;
  }
}
