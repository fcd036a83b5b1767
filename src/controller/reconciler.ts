import type { HostControl } from '../core/channel.ts';
import type { Clock } from '../core/clock.ts';
import { AppError, messageOf, StoreUnavailable } from '../core/errors.ts';
import type { ServerName, SessionId } from '../core/ids.ts';
import type { Logger } from '../core/logger.ts';
import type { Instance } from '../core/runtime.ts';
import { type InstanceRef, type ServerState, type SessionRecord, serverOf, withServer } from '../core/session.ts';
import type { Signals } from '../core/signals.ts';
import type { SessionStore } from '../core/store.ts';
import { within } from '../core/within.ts';
import type { InstanceKeys } from '../sessions/instance-keys.ts';
import { updateRecord } from '../sessions/update.ts';
import { type AssignmentContext, assignmentOf } from './assignment.ts';
import { type Action, decide } from './decide.ts';
import { FAILURE_POLICY, type Failure, failedState, failuresOf } from './failures.ts';
import type { Instances } from './instances.ts';
import { type Start, Starts } from './starts.ts';

/** A change leads to the next within one reconcile; more than these are left to the next one. */
const STEPS = 6;

export interface ReconcilerOptions extends AssignmentContext {
  readonly store: SessionStore;
  readonly hosts: HostControl;
  readonly keys: InstanceKeys;
  readonly signals: Signals;
  readonly clock: Clock;
  readonly log: Logger;
  /** A number in [0, 1). */
  readonly random: () => number;
  /** How long a start may take until the host has its assignment, milliseconds. */
  readonly startMs: number;
  /** How long an instance may take to end by itself, milliseconds. */
  readonly graceMs: number;
}

type StartAction = Extract<Action, { do: 'start' }>;

/** Makes one server of one session what its record says. Never two at the same time for the same server. */
export class Reconciler {
  readonly starts = new Starts();
  readonly #options: ReconcilerOptions;
  readonly #instances: Instances;
  readonly #epoch: number;
  readonly #stop: AbortSignal;

  /** @param stop the manager ends: starts are given up, what runs goes on running */
  constructor(options: ReconcilerOptions, instances: Instances, epoch: number, stop: AbortSignal) {
    this.#options = options;
    this.#instances = instances;
    this.#epoch = epoch;
    this.#stop = stop;
  }

  /**
   * Acts until there is nothing to do. Returns when there is something again, milliseconds since the epoch, if that is known.
   * Throws `StoreUnavailable`, having stopped nothing, and what the runtime throws when an instance cannot be stopped.
   */
  async reconcile(session: SessionId, name: ServerName): Promise<number | undefined> {
    for (let step = 0; step < STEPS && !this.#stop.aborted; step++) {
      const record = await this.#options.store.peek(session);
      const actual = await this.#instances.status(session, name);
      const action = decide(record, name, actual, this.#options.clock.now());
      if (action.do === 'nothing') return action.until;
      await this.#act(action, name);
    }
    return undefined;
  }

  async #act(action: Exclude<Action, { do: 'nothing' }>, name: ServerName): Promise<void> {
    switch (action.do) {
      case 'stop':
        return this.#instances.stop(action.instance, this.#options.graceMs);
      case 'settle':
        await this.#write(action.record, name, { phase: 'stopped' });
        return;
      case 'start':
        return this.#start(action, name);
      case 'fail': {
        const stderr = action.instance && (await this.#instances.tail(action.instance));
        return this.#fail(action, name, { reason: action.reason, stderr, definite: false });
      }
    }
  }

  async #start(action: StartAction, name: ServerName): Promise<void> {
    const { clock } = this.#options;
    const { record, server, incarnation } = action;
    using start = this.starts.begin(record, name);
    const failures = failuresOf(server.state, clock.now(), FAILURE_POLICY);
    const before = failures > 0 ? { failures } : {};
    const starting: ServerState = { phase: 'starting', incarnation, since: clock.now(), ...before };
    if (!(await this.#write(record, name, starting))) return;
    const begun = { ...action, server: { ...server, state: starting } };
    try {
      const { name: label, endpoint, startedAt } = await this.#launch(begun, name, start);
      const instance: InstanceRef = { name: label, endpoint, startedAt };
      const ready: ServerState = { phase: 'ready', incarnation, since: clock.now(), instance, ...before };
      await this.#write(record, name, ready);
      this.#options.log.debug({ session: record.id, server: name, incarnation }, 'server ready');
    } catch (error) {
      // Left as it is: the next manager, or the store's return, goes on with this very start.
      if (this.#stop.aborted) return;
      if (error instanceof StoreUnavailable) throw error;
      await this.#startFailed(begun, name, error);
    }
  }

  async #launch(action: StartAction, name: ServerName, start: Start): Promise<Instance> {
    const { clock, hosts, keys, startMs, graceMs } = this.#options;
    const { record, incarnation } = action;
    const assignment = await assignmentOf(this.#options, record, name);
    const { id: session, owner, nonce, maxAt: deadline, workspace } = record;
    const labels = { session, server: name, owner, nonce, incarnation, epoch: this.#epoch, deadline };
    const late = () => new AppError('server.failed', `it was not ready within ${Math.round(startMs / 1000)} s`);
    let task: Promise<Instance> | undefined;
    const launch = (signal: AbortSignal) => {
      task = this.#instances.start({ labels, workspace }, signal).then(async (instance) => {
        await hosts.configure(instance.endpoint, keys.secretOf(record, name, incarnation), assignment, signal);
        return instance;
      });
      return task;
    };
    try {
      return await within(clock, startMs, late, launch, AbortSignal.any([this.#stop, start.signal]));
    } catch (error) {
      // A start that is given up clears away what it began. Without this it would meet its successor.
      const settled = async () => void (await task?.catch(() => {}));
      await within(clock, graceMs, late, settled).catch(() => {});
      throw error;
    }
  }

  async #startFailed(action: StartAction, name: ServerName, error: unknown): Promise<void> {
    const app = error instanceof AppError ? error : undefined;
    const status = await this.#instances.status(action.record.id, name);
    const said = app?.data?.stderr;
    const tail = status.phase === 'absent' ? undefined : await this.#instances.tail(status.instance);
    const stderr = typeof said === 'string' ? said : tail;
    const definite = app?.code === 'config.invalid';
    await this.#fail(action, name, { reason: messageOf(error), stderr, definite });
  }

  /** Writes the failure, if the server is still wanted; what is left of its instance is stopped in the next step. */
  async #fail(
    { record, server, incarnation }: Pick<StartAction, 'record' | 'server' | 'incarnation'>,
    name: ServerName,
    failure: Omit<Failure, 'incarnation'>,
  ): Promise<void> {
    const { clock, random, log } = this.#options;
    const state = failedState(server.state, { incarnation, ...failure }, clock.now(), random(), FAILURE_POLICY);
    if (!(await this.#write(record, name, state))) return;
    const { failures, retryAt } = state;
    // Why is in the record, for its owner; it may quote what the server wrote.
    log.warn({ session: record.id, server: name, failures, retryAt }, 'server failed');
  }

  /** Writes what became of the server as it was `seen`; false if somebody has asked for something else since. */
  async #write(seen: SessionRecord, name: ServerName, state: ServerState): Promise<boolean> {
    const before = serverOf(seen, name);
    const updated = await updateRecord(this.#options, seen.id, (record) => {
      const server = serverOf(record, name);
      const same = server?.generation === before?.generation && server?.desired === before?.desired;
      return server && same && record.nonce === seen.nonce ? withServer(record, name, { state }) : record;
    });
    if (!updated?.written) return false;
    this.#options.signals.publish(seen.id);
    return true;
  }
}
