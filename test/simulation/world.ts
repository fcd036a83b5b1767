import type { ConnectionId, SessionId } from '../../src/core/ids.ts';
import type { Logger } from '../../src/core/logger.ts';
import type { SessionRecord } from '../../src/core/session.ts';
import type { McpEndpoint } from '../../src/gateway/mcp/mcp-endpoint.ts';
import { MemoryStore } from '../fakes/memory-store.ts';
import { Prng } from './prng.ts';
import { SimClient } from './sim-client.ts';
import { runController } from './sim-controller.ts';
import { SimGateway } from './sim-gateway.ts';
import { LeaseKey } from './sim-lease.ts';
import { SimMachine } from './sim-machine.ts';
import type { Pipe } from './sim-pipe.ts';
import { SimProcess } from './sim-process.ts';
import { Timeline } from './timeline.ts';

/** How hostile the world is: probabilities, and the longest time on the way in milliseconds. */
export interface Faults {
  slow: number;
  /** Of a connection to break at a frame. */
  cut: number;
  /** Of the store to do what it is asked and not to say so. */
  flaky: number;
  /** Of a signal to be lost. */
  deaf: number;
  /** Of a request to be sent twice. */
  doubled: number;
  /** Of a child process not to start. */
  broken: number;
  /** Of a client to read slowly. */
  congested: number;
}
export const PEACE: Faults = { slow: 5, cut: 0, flaky: 0, deaf: 0, doubled: 0, broken: 0, congested: 0 };

/** A session that a terminal has. */
export interface Tracked {
  readonly id: SessionId;
  readonly nonce: string;
  /** Its owner has ended it, or its only copy was in a store that was emptied. */
  over: boolean;
}

/** All there is in one simulation, and what must be true of it. */
export class World implements Disposable {
  readonly prng: Prng;
  readonly time: Timeline;
  readonly memory: MemoryStore;
  readonly leaseKey = new LeaseKey();
  readonly machine: SimMachine;
  readonly gateways = new Set<SimGateway>();
  readonly controllers = new Set<SimProcess>();
  readonly pipes = new Set<Pipe>();
  readonly listeners = new Set<{ process: SimProcess; listener: (session: SessionId) => void }>();
  readonly cutOff = new Set<SimProcess>();
  readonly violations: string[] = [];
  readonly trace: string[] = [];
  /** What has happened at least once. */
  readonly reached = new Set<string>();
  readonly pending = new Set<string>();
  readonly tracked = new Map<SessionId, Tracked>();
  readonly log: Logger;
  /** Aborts when the world is over: signals that somebody still listens to would keep all of it in memory. */
  readonly end = new AbortController();
  faults: Faults = { ...PEACE };
  storeDown = false;
  /** Clients begin nothing new. */
  closing = false;
  /** It is over. */
  closed = false;
  readonly #isTraced: boolean;
  /** How often each call was run. */
  readonly #runs = new Map<string, number>();
  readonly #sentAgain = new Set<string>();
  readonly #epochs = new Map<number, SimProcess>();
  readonly #connections = new Map<ConnectionId, number>();
  #emptiedAt = 0;
  #names = 0;
  #keys = 0;

  constructor(seed: number, isTraced = false) {
    this.prng = new Prng(seed);
    this.time = new Timeline(this.prng).install();
    this.#isTraced = isTraced;
    this.memory = new MemoryStore({ now: () => this.time.now, sleep: () => Promise.reject(new Error('no sleep')) });
    this.machine = new SimMachine(this);
    this.log = this.#logger();
  }

  [Symbol.dispose](): void {
    this.closed = true;
    this.end.abort();
    this.time[Symbol.dispose]();
  }

  process(name: string): SimProcess {
    const process = new SimProcess(`${name} (${++this.#names})`, this.time, this.prng);
    process.onEnd(() => this.note(`${process.name} is dead`));
    return process;
  }

  addGateway(): void {
    const gateway = new SimGateway(this, this.process('gateway'));
    this.gateways.add(gateway);
    gateway.process.onEnd(() => this.gateways.delete(gateway));
  }

  addController(): void {
    const process = this.process('controller');
    this.controllers.add(process);
    process.onEnd(() => this.controllers.delete(process));
    process.run(() => void runController(this, process));
  }

  addClient(index: number): void {
    void new SimClient(this, `client-${index}`, `pts_${index % 2}`).run();
  }

  endpointOf(process: SimProcess): McpEndpoint {
    for (const gateway of this.gateways) if (gateway.process === process) return gateway.endpoint;
    throw new Error(`${process.name} is no gateway`);
  }

  nextKey(): number {
    return ++this.#keys;
  }

  violate(what: string): void {
    this.note(`VIOLATION: ${what}`);
    if (!this.violations.includes(what)) this.violations.push(what);
  }

  note(what: string): void {
    if (this.#isTraced) this.trace.push(`${((this.time.now - 1_700_000_000_000) / 1000).toFixed(3)} ${what}`);
  }

  /** The child was told to do this: once, whatever dies. */
  ran(uid: string, host: SimProcess): void {
    const count = this.runsOf(uid) + 1;
    this.#runs.set(uid, count);
    this.note(`${uid} runs on ${host.name}`);
    if (count > 1) this.violate(`${uid} was run ${count} times`);
  }

  runsOf(uid: string): number {
    return this.#runs.get(uid) ?? 0;
  }

  /** The balancer sends this message once more: no gateway knows what became of it before. */
  sendsAgain(body: string): void {
    const uid = /"uid":"([^"]+)"/.exec(body)?.[1];
    if (uid !== undefined) this.#sentAgain.add(uid);
  }

  sentAgain(uid: string): boolean {
    return this.#sentAgain.has(uid);
  }

  /** This process acts as the controller of this epoch. */
  acts(process: SimProcess, epoch: number): void {
    const holder = this.#epochs.get(epoch) ?? process;
    this.#epochs.set(epoch, holder);
    if (holder !== process) this.violate(`${holder.name} and ${process.name} act in one epoch`);
  }

  track({ id, nonce, createdAt }: SessionRecord): Tracked {
    const known = this.tracked.get(id);
    if (known?.nonce === nonce) return known;
    if (known && !known.over) this.violate(`session ${id} was lost: its terminal got another one`);
    // The store may have been emptied between the making of the session and this.
    const tracked = { id, nonce, over: createdAt <= this.#emptiedAt };
    this.tracked.set(id, tracked);
    return tracked;
  }

  connected(id: ConnectionId): void {
    this.#connections.set(id, this.time.now);
  }

  /** The store loses everything. What no host and no controller remembers is lost for good. */
  empty(): void {
    const kept = new Set(
      this.machine
        .running()
        .filter(isKeeper)
        .map(({ instance }) => instance.labels.nonce),
    );
    for (const tracked of this.tracked.values()) tracked.over ||= !kept.has(tracked.nonce);
    this.memory.empty();
    this.leaseKey.lose();
    this.#emptiedAt = this.time.now;
  }

  /** The records are being made again: a second loss now would be one too many. */
  get isMending(): boolean {
    return this.time.now - this.#emptiedAt < 30_000;
  }

  /** Whether a client may be told that its session, or its connection, is over. */
  isOver(session: Tracked, connection: ConnectionId | undefined): boolean {
    if (session.over) return true;
    if (connection === undefined || (this.#connections.get(connection) ?? 0) > this.#emptiedAt) return false;
    return !this.machine.running().some((host) => host.holds(connection));
  }

  #logger(): Logger {
    const say = (fields: object, message: string) => {
      const { reason, err } = fields as { reason?: string; err?: Error };
      this.note(`  log: ${message} ${reason ?? err?.message ?? ''}`);
    };
    const error = (fields: object, message: string) => {
      say(fields, message);
      if (message === 'a request failed') this.violate(`${message}: ${(fields as { err: Error }).err.stack}`);
    };
    const log: Logger = { debug: say, info: say, warn: say, error, child: () => log };
    return log;
  }
}

const isKeeper = (host: { readonly configured: boolean }): boolean => host.configured;
