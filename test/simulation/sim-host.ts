import type { HostAssignment, HostStatus, Retirement } from '../../src/core/channel.ts';
import { AppError } from '../../src/core/errors.ts';
import type { Instance } from '../../src/core/runtime.ts';
import { CallLedger } from '../../src/host/call-ledger.ts';
import { Channels } from '../../src/host/channels.ts';
import { CIRCUIT, Circuit } from '../../src/host/circuit.ts';
import { Launcher } from '../../src/host/launcher.ts';
import { LinkSession } from '../../src/host/link-session.ts';
import { StderrTail } from '../../src/host/stderr-tail.ts';
import { Pipe, type PipeSide } from './sim-pipe.ts';
import type { SimProcess } from './sim-process.ts';
import { SimServer } from './sim-server.ts';
import type { World } from './world.ts';

const UNCONFIGURED_MS = 30_000;
const SWEEP_MS = 15_000;
const BYE_MS = 1000;

/** A host without its HTTP server (src/host/host.ts does the same behind requests): channels, log, launcher and links are real. */
export class SimHost {
  readonly process: SimProcess;
  readonly boot: string;
  readonly instance: Instance;
  readonly servers = new Set<SimServer>();
  readonly #world: World;
  readonly #links = new Map<PipeSide, LinkSession>();
  readonly #serials = new Map<string, number>();
  #secret: string | undefined;
  #assignment: HostAssignment | undefined;
  #ready: { readonly launcher: Launcher; readonly channels: Channels; readonly at: number } | undefined;
  #assigned: Promise<void> | undefined;
  #heardAt: number;

  constructor(world: World, process: SimProcess, boot: string, instance: Instance) {
    this.#world = world;
    this.process = process;
    this.boot = boot;
    this.instance = instance;
    this.#heardAt = world.time.now;
    void this.#sweep();
  }

  get configured(): boolean {
    return this.#ready !== undefined;
  }

  holds(channel: string): boolean {
    try {
      return this.#ready?.channels.get(channel) !== undefined;
    } catch {
      return false;
    }
  }

  nextSerial(tag: string): number {
    const next = (this.#serials.get(tag) ?? 0) + 1;
    this.#serials.set(tag, next);
    return next;
  }

  async configure(secret: string, assignment: HostAssignment): Promise<void> {
    this.#heardAt = this.#world.time.now;
    if (this.#secret !== undefined && this.#secret !== secret)
      throw new AppError('auth.forbidden', 'Configured already');
    this.#secret = secret;
    // A controller that got no answer asks again, maybe while this still goes on.
    this.#assigned ??= this.#assign(assignment).catch((error: unknown) => {
      this.#assigned = undefined;
      this.#secret = undefined;
      throw error;
    });
    await this.#assigned;
  }

  async #assign(assignment: HostAssignment): Promise<void> {
    this.#assignment = assignment;
    const { clock } = this.process;
    const start = async (events: ConstructorParameters<typeof SimServer>[2]) => {
      await clock.sleep(this.#world.prng.between(5, 200));
      if (this.#world.prng.chance(this.#world.faults.broken)) throw new Error('no such program');
      return new SimServer(this.#world, this, events);
    };
    const circuit = new Circuit(CIRCUIT, clock, this.#world.prng.next);
    const launcher = new Launcher(start, circuit, new StderrTail(), clock);
    const file = this.#world.machine.ledgerOf(this.instance.labels);
    const ledger = new CallLedger(file, assignment.limits, clock, this.#world.log);
    const channels = new Channels(launcher, assignment.limits, clock, { ledger });
    await launcher.prepare();
    this.#ready = { launcher, channels, at: clock.now() };
  }

  async status(secret: string): Promise<HostStatus> {
    const { channels, launcher } = this.#authorize(secret);
    this.#heardAt = this.#world.time.now;
    const lastActivityAt = channels.lastUsedAt;
    const { restarts, circuit, running: children } = launcher;
    const status = { boot: this.boot, configured: true, children, channels: channels.size, restarts, circuit };
    return lastActivityAt === undefined ? status : { ...status, lastActivityAt };
  }

  async record(secret: string): Promise<string> {
    this.#authorize(secret);
    return (this.#assignment as HostAssignment).record;
  }

  async retire(secret: string, idleMs: number): Promise<Retirement> {
    const { channels, at } = this.#authorize(secret);
    const now = this.#world.time.now;
    const usedAt = Math.max(at, channels.lastUsedAt ?? 0);
    if (!channels.retired && usedAt > now - idleMs) return { retired: false, usedAt };
    if (!channels.retire()) return { retired: false, usedAt: now };
    for (const link of this.#links.values()) link.bye();
    while (this.#links.size > 0 && this.#world.time.now < now + BYE_MS) await this.process.clock.sleep(5);
    return { retired: true, usedAt };
  }

  /** The gateway's side of a new link. */
  async link(secret: string, gateway: SimProcess): Promise<PipeSide> {
    const { channels } = this.#authorize(secret);
    channels.checkRetired();
    const pipe = new Pipe(this.#world, gateway, this.process);
    const socket = pipe.right;
    socket.once('close', () => {
      this.#links.delete(socket);
      this.#heardAt = this.#world.time.now;
    });
    this.#links.set(socket, new LinkSession(socket, channels, this.boot));
    return pipe.left;
  }

  #authorize(secret: string): { launcher: Launcher; channels: Channels; at: number } {
    if (!this.#ready || this.#secret !== secret) throw new AppError('auth.invalid', 'The bearer secret is wrong');
    return this.#ready;
  }

  async #sweep(): Promise<void> {
    for (;;) {
      await this.process.clock.sleep(SWEEP_MS);
      await this.#ready?.channels.sweep();
      const { now } = this.#world.time;
      if (this.#links.size > 0) this.#heardAt = now;
      if (now - this.#heardAt >= (this.#assignment?.limits.abandonedMs ?? UNCONFIGURED_MS)) this.process.kill();
    }
  }
}
