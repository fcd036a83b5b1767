import type { Clock } from '../../src/core/clock.ts';
import type {
  Instance,
  InstanceId,
  InstanceSpec,
  InstanceStatus,
  ResourceUsage,
  Runtime,
} from '../../src/core/runtime.ts';

/**
 * How a start goes: `ok`; after that many milliseconds; `never`, until its signal aborts; `deaf`, never, whatever its signal
 * says; `failing`, it rejects.
 */
export type StartMode = 'ok' | number | 'never' | 'deaf' | 'failing';

type Present = Exclude<InstanceStatus, { phase: 'absent' }>;

/** A runtime in memory, with hostile modes. What runs in it outlives the controllers that use it. */
export class FakeRuntime implements Runtime {
  readonly kind = 'process';
  /** By server; `ok` if absent. */
  readonly modes = new Map<string, StartMode>();
  readonly started: InstanceSpec[] = [];
  readonly stopped: Instance[] = [];
  /** The most starts and stops of one server that were in progress at the same time. */
  mostAtOnce = 0;
  /** What `list` and `stop` wait for. */
  listGate: Promise<void> = Promise.resolve();
  stopGate: Promise<void> = Promise.resolve();
  /** What a call of `forget` waits for. */
  forgetGate: Promise<void> = Promise.resolve();
  /** Sessions for which something is kept, and those that were forgotten. */
  readonly keeps = new Set<string>();
  readonly forgotten: string[] = [];
  /** While set, `start` and `list` reject with it. */
  refusal: Error | undefined;
  /** While set, `stop` rejects. */
  cannotStop = false;
  readonly #clock: Clock;
  readonly #instances = new Map<InstanceId, Present>();
  readonly #busy = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  start(spec: InstanceSpec, signal: AbortSignal): Promise<Instance> {
    return this.#counted(spec.labels, () => this.#start(spec, signal));
  }

  async #start(spec: InstanceSpec, signal: AbortSignal): Promise<Instance> {
    const { labels } = spec;
    const same = this.#of(labels.session, labels.server);
    if (same?.phase === 'running' && isSame(same.instance, spec)) return same.instance;
    if (this.refusal) throw this.refusal;
    this.started.push(spec);
    const mode = this.modes.get(labels.server) ?? 'ok';
    if (mode === 'failing') throw new Error('it ended at once: no such program');
    if (mode === 'deaf') await new Promise(() => {});
    if (mode === 'never') await this.#clock.sleep(1e9, signal);
    if (typeof mode === 'number') await this.#clock.sleep(mode, signal);
    signal.throwIfAborted();
    this.keeps.add(labels.session);
    if (same) this.#instances.delete(same.instance.id);
    const id = `${labels.session}/${labels.server}#${this.started.length}`;
    const endpoint = { kind: 'unix', path: `/sockets/${id}` } as const;
    const instance: Instance = {
      id,
      labels,
      name: String(this.started.length),
      endpoint,
      startedAt: this.#clock.now(),
    };
    this.#instances.set(id, { phase: 'running', instance });
    return instance;
  }

  async status(id: InstanceId): Promise<InstanceStatus> {
    return this.#instances.get(id) ?? { phase: 'absent' };
  }

  async stop(id: InstanceId): Promise<void> {
    const there = this.#instances.get(id);
    if (!there) return;
    await this.#counted(there.instance.labels, async () => {
      await this.stopGate;
      if (this.cannotStop) throw new Error('it does not end');
      if (this.#instances.delete(id)) this.stopped.push(there.instance);
    });
  }

  async *list(): AsyncIterable<Present> {
    const snapshot = [...this.#instances.values()];
    await this.listGate;
    if (this.refusal) throw this.refusal;
    yield* snapshot;
  }

  async *logs(id: InstanceId): AsyncIterable<string> {
    yield `log of ${this.#instances.get(id)?.instance.labels.server}`;
  }

  async usage(id: InstanceId): Promise<ResourceUsage | undefined> {
    return this.#instances.get(id)?.phase === 'running' ? { cpuSeconds: 1.5, memoryBytes: 1024, pids: 2 } : undefined;
  }

  async *kept(): AsyncIterable<string> {
    yield* this.keeps;
  }

  async forget(session: string): Promise<void> {
    await this.forgetGate;
    this.keeps.delete(session);
    this.forgotten.push(session);
  }

  /** What runs now, as `session/server/incarnation`. */
  running(): string[] {
    const instances = [...this.#instances.values()].filter(({ phase }) => phase === 'running');
    return instances
      .map(({ instance: { labels } }) => `${labels.session}/${labels.server}/${labels.incarnation}`)
      .sort();
  }

  /** How many instances there are, dead ones included. */
  get size(): number {
    return this.#instances.size;
  }

  /** The server's instance ends by itself. */
  die(session: string, server: string, reason = 'killed by SIGKILL'): void {
    const there = this.#of(session, server);
    if (!there) throw new Error(`${server} does not run`);
    this.#instances.set(there.instance.id, { phase: 'dead', instance: there.instance, reason });
  }

  /** The server's instance disappears without a trace. */
  vanish(session: string, server: string): void {
    const there = this.#of(session, server);
    if (!there) throw new Error(`${server} does not run`);
    this.#instances.delete(there.instance.id);
  }

  #of(session: string, server: string): Present | undefined {
    return [...this.#instances.values()].find(
      ({ instance: { labels } }) => labels.session === session && labels.server === server,
    );
  }

  async #counted<T>({ session, server }: { session: string; server: string }, task: () => Promise<T>): Promise<T> {
    const key = `${session}/${server}`;
    const count = (this.#busy.get(key) ?? 0) + 1;
    this.#busy.set(key, count);
    this.mostAtOnce = Math.max(this.mostAtOnce, count);
    try {
      return await task();
    } finally {
      this.#busy.set(key, (this.#busy.get(key) ?? 1) - 1);
    }
  }
}

function isSame({ labels }: Instance, spec: InstanceSpec): boolean {
  return labels.nonce === spec.labels.nonce && labels.incarnation === spec.labels.incarnation;
}
