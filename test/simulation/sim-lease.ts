import type { Lease } from '../../src/core/lease.ts';
import { backoffDelay } from '../../src/core/retry.ts';
import type { SimProcess } from './sim-process.ts';
import { reachStore } from './sim-store.ts';
import type { World } from './world.ts';

const TTL_MS = 3000;
/** The holder stops relying on it sooner. */
const USED = 0.9;
const RETRY = { baseMs: 50, maxMs: 500 };

/** The lease that lies in the store (core/lease.ts), as the world has it. */
export class LeaseKey {
  #holder: SimProcess | undefined;
  #until = 0;
  #epoch = 0;

  /** 0: somebody else has it. */
  take(holder: SimProcess, now: number): number {
    if (this.#holder && this.#until > now) return 0;
    this.#holder = holder;
    this.#until = now + TTL_MS;
    this.#epoch = Math.max(this.#epoch + 1, now);
    return this.#epoch;
  }

  renew(holder: SimProcess, now: number): boolean {
    if (this.#holder !== holder || this.#until <= now) return false;
    this.#until = now + TTL_MS;
    return true;
  }

  release(holder: SimProcess): void {
    if (this.#holder === holder) this.#holder = undefined;
  }

  /** The store was emptied. */
  lose(): void {
    this.#holder = undefined;
    this.#epoch = 0;
  }
}

/** The lease as its holder sees it: it may be lost before the holder knows, but never relied on after its time. */
export class SimLease implements Lease {
  readonly epoch: number;
  readonly #world: World;
  readonly #process: SimProcess;
  readonly #lost = new AbortController();
  #until: number;

  private constructor(world: World, process: SimProcess, epoch: number, sent: number) {
    this.#world = world;
    this.#process = process;
    this.epoch = epoch;
    this.#until = sent + TTL_MS * USED;
    void this.#renew();
    void this.#watch();
  }

  static async acquire(world: World, process: SimProcess): Promise<SimLease> {
    for (let failures = 1; ; failures++) {
      const sent = world.time.now;
      const take = async () => world.leaseKey.take(process, world.time.now);
      const epoch = await reachStore(world, process, take).catch(() => 0);
      if (epoch > 0 && world.time.now < sent + TTL_MS * USED) return new SimLease(world, process, epoch, sent);
      await process.clock.sleep(backoffDelay({ ...RETRY, maxMs: TTL_MS / 3 }, failures, world.prng.next()));
    }
  }

  get lost(): AbortSignal {
    if (this.#world.time.now >= this.#until && !this.#lost.signal.aborted) this.#lost.abort(new Error('lease lost'));
    return this.#lost.signal;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#until = 0;
    if (this.lost.aborted)
      await reachStore(this.#world, this.#process, async () => this.#world.leaseKey.release(this.#process)).catch(
        () => {},
      );
  }

  async #renew(): Promise<void> {
    const { time, leaseKey } = this.#world;
    while (!this.lost.aborted) {
      await this.#process.clock.sleep(TTL_MS / 3);
      const sent = time.now;
      const renew = async () => leaseKey.renew(this.#process, time.now);
      const kept = await reachStore(this.#world, this.#process, renew).catch(() => undefined);
      if (kept === false) this.#until = 0;
      else if (kept && !this.lost.aborted) this.#until = sent + TTL_MS * USED;
    }
  }

  async #watch(): Promise<void> {
    while (!this.lost.aborted) await this.#process.clock.sleep(Math.max(1, this.#until - this.#world.time.now));
  }
}
