import { Controller, type ControllerOptions } from '../../src/controller/controller.ts';
import { RecordMemory } from '../../src/controller/record-memory.ts';
import type { CreateSession } from '../../src/core/api.ts';
import type { CatalogueEntry } from '../../src/core/catalogue.ts';
import type { SessionId } from '../../src/core/ids.ts';
import { LocalSignals } from '../../src/core/local-signals.ts';
import type { Logger } from '../../src/core/logger.ts';
import type { ServerState, SessionRecord, Terminal } from '../../src/core/session.ts';
import type { Signals } from '../../src/core/signals.ts';
import { CompleteStore } from '../../src/sessions/complete-store.ts';
import { EgressGrants } from '../../src/sessions/egress-grants.ts';
import { InstanceKeys } from '../../src/sessions/instance-keys.ts';
import { RecordSeal } from '../../src/sessions/record-seal.ts';
import { Sealer } from '../../src/sessions/sealer.ts';
import { type SessionLimits, Sessions } from '../../src/sessions/sessions.ts';
import { FakeClock, settle } from '../fakes/fake-clock.ts';
import { FakeHosts } from '../fakes/fake-hosts.ts';
import { FakeRuntime } from '../fakes/fake-runtime.ts';
import { KeptLifecycle } from '../fakes/kept-lifecycle.ts';
import { MemoryStore } from '../fakes/memory-store.ts';
import { NO_METER } from '../fakes/no-meter.ts';

export const KEY = Buffer.alloc(32, 7);
export const INTERVAL = 5000;
const QUEUE = { startQueue: 1000, start: 'init' } as const;
export const HOST_LIMITS = {
  logBytes: 1,
  logAgeMs: 1,
  keys: 1,
  children: 1,
  childIdleMs: 1,
  initializeMs: 1,
  parkedMs: 900_000,
  abandonedMs: 1,
};

export function entry(name: string, change: Partial<CatalogueEntry> = {}): CatalogueEntry {
  return { name, transport: 'stdio', command: 'node', args: [], env: {}, variables: [], files: {}, ...change };
}

export const CATALOGUE = new Map([
  ['filesystem', entry('filesystem', { args: ['${workspace}'] })],
  ['proxmox', entry('proxmox', { transport: 'module', command: '/proxmox.js', variables: ['PROXMOX_TOKEN'] })],
]);

/** A log that keeps what is said at `warn` and above. */
export class KeptLog implements Logger {
  readonly warnings: string[] = [];
  /** What each was about. */
  readonly about: object[] = [];
  debug(): void {}
  info(): void {}
  warn(about: object, message: string): void {
    this.warnings.push(message);
    this.about.push(about);
  }
  error(about: object, message: string): void {
    this.warn(about, message);
  }
  child(): Logger {
    return this;
  }
}

/** Signals that can be lost. */
export class LossySignals implements Signals {
  lost = false;
  /** How many listen. */
  listeners = 0;
  readonly #signals = new LocalSignals();
  publish(session: SessionId): void {
    if (!this.lost) this.#signals.publish(session);
  }
  subscribe(listener: (session: SessionId) => void): Disposable {
    const subscription = this.#signals.subscribe(listener);
    this.listeners++;
    return {
      [Symbol.dispose]: () => {
        this.listeners--;
        subscription[Symbol.dispose]();
      },
    };
  }
}

/** The control plane on fakes: time, store, runtime and hosts are the test's. */
export class ControlPlane {
  readonly clock = new FakeClock();
  readonly store = new MemoryStore(this.clock);
  readonly signals = new LossySignals();
  readonly runtime = new FakeRuntime(this.clock);
  readonly hosts = new FakeHosts(() => this.clock.now());
  readonly log = new KeptLog();
  readonly lifecycle = new KeptLifecycle();
  readonly sealer = new Sealer(KEY);
  readonly keys = new InstanceKeys(KEY);
  readonly records = new RecordSeal(KEY);
  readonly grants = new EgressGrants(KEY, this.clock);
  readonly deadLeaders = new Set<number>();
  readonly sessions: Sessions;
  controller: Controller;
  #end = new AbortController();
  #run: Promise<void> = Promise.resolve();
  #epoch = 0;
  readonly #change: Partial<ControllerOptions>;

  /** @param guarded sessions see the store as gateways do: one that was emptied is waited for */
  constructor(limits: Partial<SessionLimits> = {}, change: Partial<ControllerOptions> = {}, guarded = false) {
    this.#change = change;
    const { clock, signals, sealer, lifecycle } = this;
    const random = () => 0.5;
    const store = guarded ? new CompleteStore({ ...this, random, waitMs: 30_000 }) : this.store;
    const workspaces = { admit: async (path: string) => path };
    this.sessions = new Sessions({
      ...{ clock, store, signals, sealer, lifecycle, random, workspaces, key: KEY, catalogue: CATALOGUE },
      limits: { sessionsPerOwner: 5, idleTtlMs: 1_800_000, maxAgeMs: 86_400_000, holdMs: 30_000, ...QUEUE, ...limits },
    });
    this.controller = this.newController();
  }

  newController(change: Partial<ControllerOptions> = {}): Controller {
    const { clock, store, signals, sealer, log, lifecycle, runtime, hosts, keys, grants, records } = this;
    return new Controller({
      ...{ clock, store, signals, sealer, log, lifecycle, runtime, hosts, keys, grants, records },
      catalogue: CATALOGUE,
      env: {},
      hostLimits: HOST_LIMITS,
      readTemplate: async () => '',
      random: () => 0.5,
      startsAtOnce: 1000,
      startMs: 10_000,
      graceMs: 2000,
      idleMs: 0,
      memory: new RecordMemory(),
      admission: { instances: 1000, perOwner: 1000, queue: 1000 },
      intervalMs: INTERVAL,
      surveyMs: 0,
      meter: NO_METER,
      hostname: 'laptop',
      lease: { epoch: ++this.#epoch, lost: new AbortController().signal, [Symbol.asyncDispose]: async () => {} },
      isTerminalGone: ({ leader }: Terminal) => leader !== undefined && this.deadLeaders.has(leader.pid),
      ...this.#change,
      ...change,
    });
  }

  /** Starts the controller. */
  async up(): Promise<this> {
    this.#end = new AbortController();
    this.#run = this.controller.run(this.#end.signal);
    await settle();
    return this;
  }

  /** Resolves when the controller has ended, by itself or in good order. */
  get ended(): Promise<void> {
    return this.#run;
  }

  /** Ends the controller in good order. */
  async down(): Promise<void> {
    this.#end.abort();
    let ended = false;
    void this.#run.then(() => {
      ended = true;
    });
    await settle();
    if (!ended) await this.clock.advance(2000);
    await this.#run;
  }

  /** The next manager, on what the last one left. */
  async restart(): Promise<void> {
    await this.down();
    this.controller = this.newController();
    await this.up();
  }

  async open(change: Partial<CreateSession> = {}, pid = 100): Promise<SessionRecord> {
    const terminal = { name: 'pts_3', host: 'laptop', leader: { pid, startedAt: '1' } };
    const { record } = await this.sessions.open('owner', { terminal, workspace: '/work', ...change });
    await settle();
    return record;
  }

  async state(id: SessionId, server = 'filesystem'): Promise<ServerState> {
    const state = (await this.sessions.get(id)).servers[server]?.state;
    if (!state) throw new Error(`no server ${server}`);
    return state;
  }
}
