import type { HostControl } from '../../src/core/channel.ts';
import { AppError } from '../../src/core/errors.ts';
import type { InstanceId, InstanceLabels, InstanceSpec, InstanceStatus, Runtime } from '../../src/core/runtime.ts';
import type { Endpoint } from '../../src/core/session.ts';
import type { LedgerFile } from '../../src/host/ledger-file.ts';
import { SimHost } from './sim-host.ts';
import type { SimProcess } from './sim-process.ts';
import type { World } from './world.ts';

type Present = Exclude<InstanceStatus, { phase: 'absent' }>;

/** Where instances run: they outlive whoever started them. */
export class SimMachine {
  readonly #world: World;
  readonly #hosts = new Map<InstanceId, SimHost>();
  /** Files outlive hosts. */
  readonly #ledgers = new Map<string, SimFile>();
  #serial = 0;
  down = false;

  constructor(world: World) {
    this.#world = world;
  }

  /** Where hosts of this server, one after the other, write down their calls. */
  ledgerOf({ session, server }: InstanceLabels): LedgerFile {
    const key = `${session}/${server}`;
    const ledger = this.#ledgers.get(key) ?? new SimFile();
    this.#ledgers.set(key, ledger);
    return ledger;
  }

  /** Those that run. */
  running(): SimHost[] {
    return [...this.#hosts.values()].filter(({ process }) => process.alive);
  }

  at(endpoint: Endpoint): SimHost | undefined {
    const host = endpoint.kind === 'unix' ? this.#hosts.get(endpoint.path) : undefined;
    return host?.process.alive ? host : undefined;
  }

  status(id: InstanceId): InstanceStatus {
    const host = this.#hosts.get(id);
    return host ? presentOf(host) : { phase: 'absent' };
  }

  list(): Present[] {
    return [...this.#hosts.values()].map(presentOf);
  }

  /** An older one of the same server is ended; the very one is left alone. */
  begin({ labels }: InstanceSpec): SimHost {
    for (const host of this.#hosts.values()) {
      const other = host.instance.labels;
      if (other.session !== labels.session || other.server !== labels.server) continue;
      const same = other.nonce === labels.nonce;
      if (same && other.incarnation === labels.incarnation && host.process.alive) return host;
      if (same && other.incarnation > labels.incarnation && host.process.alive)
        throw new AppError('server.busy', 'A newer one runs');
      this.remove(host.instance.id);
    }
    const id = `i${++this.#serial}`;
    const endpoint = { kind: 'unix', path: id } as const;
    const instance = { id, labels, name: id, endpoint, startedAt: this.#world.time.now };
    const host = new SimHost(this.#world, this.#world.process(`host ${id}`), `boot ${id}`, instance);
    this.#hosts.set(id, host);
    return host;
  }

  remove(id: InstanceId): void {
    this.#hosts.get(id)?.process.kill();
    this.#hosts.delete(id);
  }

  check(): void {
    if (this.down) throw new AppError('runtime.unavailable', 'simulated outage');
  }
}

class SimFile implements LedgerFile {
  #bytes = Buffer.alloc(0);

  read(most: number): Buffer {
    return this.#bytes.subarray(0, most);
  }
  write(entry: Buffer, position: number): void {
    const bytes = Buffer.alloc(Math.max(this.#bytes.length, position + entry.length));
    bytes.set(this.#bytes);
    bytes.set(entry, position);
    this.#bytes = bytes;
  }
}

const presentOf = ({ process, instance }: SimHost): Present =>
  process.alive ? { phase: 'running', instance } : { phase: 'dead', instance, reason: 'killed' };

/** The runtime as one controller sees it. */
export function runtimeFor(world: World, from: SimProcess): Runtime {
  const { machine } = world;
  const ask = <T>(work: () => T) =>
    from.ask(() => {
      machine.check();
      return work();
    });
  return {
    kind: 'process',
    start: async (spec, signal) => {
      signal.throwIfAborted();
      const host = await ask(() => {
        world.acts(from, spec.labels.epoch);
        return machine.begin(spec);
      });
      const { id } = host.instance;
      try {
        await from.clock.sleep(world.prng.between(10, 300), signal);
      } catch (error) {
        await ask(() => machine.remove(id));
        throw error;
      }
      if (!host.process.alive) throw new AppError('server.failed', 'it ended at once');
      return host.instance;
    },
    status: (id) => ask(() => machine.status(id)),
    stop: (id) => ask(() => machine.remove(id)),
    async *list() {
      yield* await ask(() => machine.list());
    },
    async *logs() {},
    usage: async () => undefined,
    async *kept() {},
    forget: async () => {},
  };
}

/** What a process asks of hosts. */
export function hostsFor(world: World, from: SimProcess): HostControl {
  const ask = <T>(endpoint: Endpoint, work: (host: SimHost) => Promise<T>) => askHost(world, from, endpoint, work);
  return {
    configure: (endpoint, secret, assignment) => ask(endpoint, (host) => host.configure(secret, assignment)),
    status: (endpoint, secret) => ask(endpoint, (host) => host.status(secret)),
    record: (endpoint, secret) => ask(endpoint, (host) => host.record(secret)),
    retire: (endpoint, secret, idleMs) => ask(endpoint, (host) => host.retire(secret, idleMs)),
  };
}

/** Rejects when the host dies first. */
export function askHost<T>(
  world: World,
  from: SimProcess,
  endpoint: Endpoint,
  work: (host: SimHost) => Promise<T>,
): Promise<T> {
  return from.ask(() => {
    const host = world.machine.at(endpoint);
    if (!host) throw new AppError('server.failed', 'The host cannot be reached');
    return visit(host.process, () => work(host));
  });
}

/** Does `work` in a process; rejects when it dies first. */
export function visit<T>(process: SimProcess, work: () => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    if (!process.alive) reject(new AppError('server.failed', 'It is gone'));
    process.onEnd(() => reject(new AppError('server.failed', 'It is gone')));
    process.run(() => void work().then(resolve, reject));
  });
}
