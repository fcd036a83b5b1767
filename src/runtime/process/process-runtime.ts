import { rmSync, statSync } from 'node:fs';
import type { Clock } from '../../core/clock.ts';
import { AppError } from '../../core/errors.ts';
import type { SessionId } from '../../core/ids.ts';
import type { Logger } from '../../core/logger.ts';
import type { PidFile } from '../../core/pid-file.ts';
import type {
  Instance,
  InstanceId,
  InstanceSpec,
  InstanceStatus,
  LogOptions,
  ResourceUsage,
  Runtime,
} from '../../core/runtime.ts';
import type { ProcessIdentity } from '../../core/session.ts';
import { readPidFile, removeDeadPidFile } from '../../os/pid-file.ts';
import type { ProcessTable } from '../../os/process-table.ts';
import { endReason, lastWords, REASON_LINES, startFailure } from '../last-words.ts';
import { untilListening } from '../listening.ts';
import { SlotTurns } from '../slot-turns.ts';
import { goesOn, type Occupant, REPLACE_GRACE_MS } from '../succession.ts';
import { type Launched, launch, MARK } from './launch.ts';
import { Layout, type Slot } from './layout.ts';
import { lastLines } from './log-file.ts';
import { ProcessTree } from './process-tree.ts';

export interface ProcessRuntimeOptions {
  /** Directory for all that the runtime keeps; absolute. This user's alone. */
  readonly root: string;
  /** Program and first arguments of a host, absolute paths; it claims its pid file first of all (os/pid-file.ts). */
  readonly hostCommand: readonly string[];
  readonly table: ProcessTable;
  readonly clock: Clock;
  readonly log: Logger;
  /** The manager's environment, of which an instance gets a small part. */
  readonly env: NodeJS.ProcessEnv;
}

/**
 * Runs each instance as a process of its own on this machine, a host on a Unix socket. All that it knows is in pid files,
 * so another manager on the same root goes on where this one stopped.
 */
export class ProcessRuntime implements Runtime {
  readonly kind = 'process';
  readonly #options: ProcessRuntimeOptions;
  readonly #layout: Layout;
  readonly #turns: SlotTurns<Slot>;

  constructor(options: ProcessRuntimeOptions) {
    this.#options = options;
    this.#layout = new Layout(options.root);
    this.#turns = new SlotTurns((id) => this.#layout.find(id));
  }

  start(spec: InstanceSpec, signal: AbortSignal): Promise<Instance> {
    return this.#turns.start(spec, signal, (slot, given) => this.#start(slot, spec, given));
  }

  async status(id: InstanceId): Promise<InstanceStatus> {
    const slot = this.#layout.find(id);
    return slot ? this.#status(slot) : { phase: 'absent' };
  }

  stop(id: InstanceId, graceMs: number): Promise<void> {
    return this.#turns.stop(id, (slot) => this.#end(slot, graceMs));
  }

  async *list(): AsyncIterable<InstanceStatus & { phase: 'running' | 'dead' }> {
    for (const slot of this.#layout.occupied()) {
      const status = await this.#status(slot);
      if (status.phase !== 'absent') yield status;
    }
  }

  async *logs(id: InstanceId, options: LogOptions): AsyncIterable<string> {
    const slot = this.#layout.find(id);
    if (slot) yield* await lastLines(slot.log, options.tail ?? Number.POSITIVE_INFINITY);
  }

  async usage(id: InstanceId): Promise<ResourceUsage | undefined> {
    const slot = this.#layout.find(id);
    const host = slot && this.#host(slot);
    if (!host) return undefined;
    return this.#options.table.usage([host.pid, ...this.#options.table.descendants(host.pid)]);
  }

  async *kept(): AsyncIterable<SessionId> {
    yield* this.#layout.sessions();
  }

  async forget(session: SessionId): Promise<void> {
    for (const slot of this.#layout.occupied(session))
      if (this.#host(slot)) throw new AppError('server.busy', `${slot.server} of ${session} still runs: stop it first`);
    this.#layout.remove(session);
  }

  async #start(slot: Slot, spec: InstanceSpec, signal: AbortSignal): Promise<Instance> {
    const found = this.#find(slot);
    const isThere = goesOn(found, spec.labels);
    if (!isThere) {
      this.#layout.prepare(slot);
      if (found) await this.#end(slot, REPLACE_GRACE_MS);
      else rmSync(slot.socket, { force: true });
      signal.throwIfAborted();
    }
    const launched = isThere
      ? undefined
      : await launch(slot, spec.labels, this.#options.hostCommand, this.#options.env);
    return this.#ready(slot, signal, launched);
  }

  async #ready(slot: Slot, signal: AbortSignal, launched: Launched | undefined): Promise<Instance> {
    const { table, clock, log } = this.#options;
    const host = launched?.pid === undefined ? undefined : table.identity(launched.pid);
    const began = clock.now();
    try {
      await untilListening({ kind: 'unix', path: slot.socket }, clock, signal, launched?.failure);
      const found = this.#find(slot);
      if (!found?.runs) throw new AppError('server.failed', 'the host listens but has no pid file');
      log.debug({ instance: slot.id, pid: found.instance.name, ms: clock.now() - began }, 'instance is ready');
      return found.instance;
    } catch (error) {
      await this.#end(slot, 0, host);
      if (signal.aborted) throw signal.reason;
      const stderr = lastWords(await lastLines(slot.log, REASON_LINES, launched?.logStart));
      throw startFailure(slot.server, error, stderr);
    }
  }

  /** @param host one that may not have written its pid file yet */
  async #end(slot: Slot, graceMs: number, host?: ProcessIdentity): Promise<void> {
    const { table, clock, log } = this.#options;
    const hosts = [this.#host(slot), host].filter((each) => each !== undefined);
    const tree = new ProcessTree(table, clock, hosts, { name: MARK, value: slot.pidFile });
    const killed = await tree.end(graceMs);
    if (killed > 0 && graceMs > 0) log.warn({ instance: slot.id, killed, graceMs }, 'processes had to be killed');
    if (removeDeadPidFile(slot.pidFile, table)) rmSync(slot.socket, { force: true });
  }

  async #status(slot: Slot): Promise<InstanceStatus> {
    const found = this.#find(slot);
    if (!found) return { phase: 'absent' };
    if (found.runs) return { phase: 'running', instance: found.instance };
    const said = lastWords(await lastLines(slot.log, REASON_LINES));
    return {
      phase: 'dead',
      instance: found.instance,
      reason: endReason('its process is gone', said),
    };
  }

  /** The host that runs in this slot. */
  #host(slot: Slot): ProcessIdentity | undefined {
    const process = this.#read(slot)?.process;
    return process && this.#options.table.isAlive(process) ? process : undefined;
  }

  #find(slot: Slot): Occupant | undefined {
    const file = this.#read(slot);
    if (!file) return undefined;
    const instance: Instance = {
      id: slot.id,
      name: String(file.process.pid),
      endpoint: { kind: 'unix', path: slot.socket },
      startedAt: statSync(slot.pidFile, { throwIfNoEntry: false })?.mtimeMs ?? 0,
      labels: file.labels,
    };
    return { instance, runs: this.#options.table.isAlive(file.process) };
  }

  /** What the slot's pid file says; one that names another slot says nothing. */
  #read(slot: Slot): PidFile | undefined {
    const file = readPidFile(slot.pidFile);
    return file?.labels.session === slot.session && file.labels.server === slot.server ? file : undefined;
  }
}
