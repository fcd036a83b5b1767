import type { Prng } from './prng.ts';

interface Event {
  readonly at: number;
  readonly serial: number;
  readonly run: () => void;
}

/** Something in which events happen: one that is dead has none, one that is stopped has them later. */
export interface Scene {
  run(task: () => void): void;
}

const EVERYWHERE: Scene = { run: (task) => task() };
const REAL = { setTimeout, setInterval, clearTimeout, clearInterval, random: Math.random };

/**
 * Simulated time: a queue of events, each run to its end (every promise settled) before the next one begins. While it is
 * installed the global timers and `Math.random` are its own, so that code which uses those is simulated as it is.
 */
export class Timeline implements Disposable {
  readonly #prng: Prng;
  readonly #queue: Event[] = [];
  #serial = 0;
  /** How many events there were. */
  count = 0;
  #now = 1_700_000_000_000;
  /** Where the running event happens. */
  scene: Scene = EVERYWHERE;

  constructor(prng: Prng) {
    this.#prng = prng;
  }

  get now(): number {
    return this.#now;
  }

  /** Runs `task` after `ms` milliseconds; the function takes it back. */
  after(ms: number, task: () => void, scene: Scene = EVERYWHERE): () => void {
    let wanted = true;
    const run = () => {
      if (!wanted) return;
      this.scene = scene;
      scene.run(task);
    };
    this.#push({ at: this.#now + Math.max(0, ms), serial: ++this.#serial, run });
    return () => {
      wanted = false;
    };
  }

  /** Lets time pass until `end`, milliseconds since the epoch, calling `look` behind each event. */
  async runUntil(end: number, look: () => void): Promise<void> {
    for (let next = this.#queue[0]; next && next.at <= end; next = this.#queue[0]) {
      this.#pop();
      this.count += 1;
      this.#now = next.at;
      next.run();
      await new Promise((resolve) => setImmediate(resolve)); // all that needs neither time nor I/O is done
      look();
    }
    this.#now = end;
  }

  install(): this {
    const set = (task: () => void, ms = 0): object => {
      const cancel = this.after(ms, task, this.scene);
      return { cancel, unref: () => {} };
    };
    const repeat = (task: () => void, ms: number): object => {
      const { scene } = this;
      let cancel = () => {};
      const again = (): void => {
        cancel = this.after(
          ms,
          () => {
            again();
            task();
          },
          scene,
        );
      };
      again();
      return { cancel: () => cancel(), unref: () => {} };
    };
    const clear = (timer?: { cancel?: () => void }): void => timer?.cancel?.();
    Object.assign(globalThis, { setTimeout: set, setInterval: repeat, clearTimeout: clear, clearInterval: clear });
    Math.random = this.#prng.next;
    return this;
  }

  [Symbol.dispose](): void {
    const { random, ...timers } = REAL;
    Object.assign(globalThis, timers);
    Math.random = random;
  }

  #push(event: Event): void {
    const queue = this.#queue;
    let at = queue.length;
    queue.push(event);
    for (let up = (at - 1) >> 1; at > 0 && before(event, queue[up] as Event); up = (at - 1) >> 1) {
      queue[at] = queue[up] as Event;
      at = up;
    }
    queue[at] = event;
  }

  #pop(): void {
    const queue = this.#queue;
    const last = queue.pop() as Event;
    if (queue.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= queue.length) break;
      if (child + 1 < queue.length && before(queue[child + 1] as Event, queue[child] as Event)) child += 1;
      if (!before(queue[child] as Event, last)) break;
      queue[at] = queue[child] as Event;
      at = child;
    }
    queue[at] = last;
  }
}

const before = (a: Event, b: Event): boolean => a.at < b.at || (a.at === b.at && a.serial < b.serial);
