import type { HostControl } from '../core/channel.ts';
import type { ControllerMeter, StartOutcome } from '../core/controller-meter.ts';
import { AppError, messageOf, StoreUnavailable } from '../core/errors.ts';
import type { ServerName, SessionId } from '../core/ids.ts';
import type { Lease } from '../core/lease.ts';
import type { Logger } from '../core/logger.ts';
import type { Instance } from '../core/runtime.ts';
import { type InstanceRef, isCurrent, nextIncarnation, type ServerState, type SessionRecord } from '../core/session.ts';
import type { Signals } from '../core/signals.ts';
import type { SessionStore } from '../core/store.ts';
import { findRecord } from '../sessions/find-record.ts';
import type { Lifecycle } from '../sessions/lifecycle.ts';
import { Admission, type AdmissionLimits, type Claim, type Waiting } from './admission.ts';
import { type Action, decide } from './decide.ts';
import { burdenOf, FAILURE_POLICY, type Failure, failedState } from './failures.ts';
import type { Instances } from './instances.ts';
import { Launcher, type LauncherOptions } from './launcher.ts';
import { NotEnded } from './not-ended.ts';
import { noteLack, outageOf } from './outages.ts';
import { whyRestarted, whyStopped } from './reasons.ts';
import { Rebuild } from './rebuild.ts';
import type { RecordMemory } from './record-memory.ts';
import { Rest } from './rest.ts';
import { Silences } from './silences.ts';
import { StartGate } from './start-gate.ts';
import { Starts } from './starts.ts';
import { writeState } from './write-state.ts';

/** A change leads to the next within one reconcile; more than these are left to the next one. */
const STEPS = 6;
/** Who was turned away because too many wait is asked to come back after this time, milliseconds. */
const FULL_MS = 10_000;

export interface ReconcilerOptions extends LauncherOptions {
  readonly store: SessionStore;
  readonly hosts: HostControl;
  readonly signals: Signals;
  readonly lifecycle: Lifecycle;
  readonly log: Logger;
  readonly meter: ControllerMeter;
  /** A number in [0, 1). */
  readonly random: () => number;
  /** How many starts may be in progress at once; the others wait for their turn. */
  readonly startsAtOnce: number;
  /** After what time without use an instance is ended, milliseconds; 0: never. */
  readonly idleMs: number;
  readonly admission: AdmissionLimits;
  readonly memory: RecordMemory;
}

const OUTCOMES: Readonly<Record<Failure['kind'], StartOutcome>> = {
  failure: 'failed',
  definite: 'failed',
  unconfigured: 'unconfigured',
  outage: 'unavailable',
};

type StartAction = Extract<Action, { do: 'start' }>;

/** Makes one server of one session what its record says. Never two at the same time for the same server. */
export class Reconciler {
  readonly starts = new Starts();
  readonly silences = new Silences();
  readonly rebuild: Rebuild;
  readonly rest: Rest;
  readonly admission: Admission;
  readonly #options: ReconcilerOptions;
  readonly #instances: Instances;
  readonly #gate: StartGate;
  readonly #launcher: Launcher;
  readonly #lease: Pick<Lease, 'lost'>;
  readonly #stop: AbortSignal;

  /** @param stop the manager ends: starts are given up, what runs goes on running */
  constructor(
    options: ReconcilerOptions,
    instances: Instances,
    lease: Pick<Lease, 'epoch' | 'lost'>,
    stop: AbortSignal,
  ) {
    this.#options = options;
    this.#instances = instances;
    this.#gate = new StartGate(options.startsAtOnce);
    this.#launcher = new Launcher(options, instances, lease);
    this.#lease = lease;
    this.#stop = stop;
    this.rest = new Rest(options);
    this.rebuild = new Rebuild(options, () => this.starts.all().map(({ record }) => record));
    this.admission = new Admission(options.admission, () => this.#taken());
  }

  /**
   * Acts until there is nothing to do. Returns when there is something again, milliseconds since the epoch, if that is known.
   * Throws `StoreUnavailable`, having stopped nothing, `NotEnded`, and `runtime.unavailable`.
   */
  async reconcile(session: SessionId, name: ServerName): Promise<number | undefined> {
    for (let step = 0; step < STEPS && !this.#stop.aborted; step++) {
      const { store, memory, clock } = this.#options;
      const actual = this.silences.judged(await this.#instances.status(session, name), clock.now());
      // Before its record is looked for, which may be made again at this very moment.
      const spared = actual.phase !== 'absent' && this.rebuild.isSpared(actual.instance);
      const record = await findRecord(store, session);
      if (record) memory.saw(record);
      const action = decide(record, name, actual, clock.now());
      if (action.do !== 'start') this.admission.leave(session, name);
      // Whoever was stopped in the middle (SIGSTOP) goes on here, before any timer could say that the lease is lost.
      if (this.#lease.lost.aborted) return undefined;
      if (action.do === 'nothing') {
        const rest = record && (await this.rest.settle(record, name, actual));
        if (rest !== true) return action.until ?? rest;
      } else if (!record && action.do === 'stop' && spared) {
        return action.instance.labels.deadline;
      } else if (!(await this.#act(action, name))) return undefined;
      if (action.do === 'stop' && actual.phase === 'running') this.#stopped(action.instance, whyStopped(record, name));
    }
    return undefined;
  }

  *#taken(): Iterable<Claim> {
    for (const { labels } of this.#instances.all()) yield labels;
    for (const { record, name } of this.starts.all()) yield { session: record.id, server: name, owner: record.owner };
  }

  /** False: it has to wait. */
  async #act(action: Exclude<Action, { do: 'nothing' }>, name: ServerName): Promise<boolean> {
    switch (action.do) {
      case 'stop':
        await this.#end(action.instance);
        break;
      case 'settle':
        await this.#write(action.record, name, { phase: 'stopped' });
        break;
      case 'start': {
        // Nothing may come between the answer and the start, which takes the place.
        const place = this.admission.ask(claimOf(action, name, this.#options.clock.now()));
        if (place === 'go') await this.#start(action, name);
        else await this.#defer(action, name, place);
        return place === 'go';
      }
      case 'fail': {
        const stderr = action.instance && (await this.#instances.tail(action.instance));
        const failure = { reason: action.reason, stderr, kind: 'failure' } as const;
        if (await this.#fail(action, name, failure)) this.#options.meter.ended(name);
      }
    }
    return true;
  }

  async #end(instance: Instance): Promise<void> {
    try {
      await this.#instances.stop(instance, this.#options.graceMs);
    } catch (error) {
      throw outageOf(error) ? error : new NotEnded(instance, error);
    }
  }

  /** There is no place for it now: it waits for one, or rests until somebody wants it again. */
  async #defer({ record, server }: StartAction, name: ServerName, place: 'wait' | 'full'): Promise<void> {
    const now = this.#options.clock.now();
    const { state } = server;
    if (place === 'full') {
      const incarnation = nextIncarnation(server) - 1;
      const reason = 'there is no free place, and too many wait for one already';
      const idle = { phase: 'idle', incarnation, since: now, reason, retryAt: now + FULL_MS } as const;
      if (await this.#write(record, name, idle)) this.#options.meter.turnedAway();
      return;
    }
    // A failure that is to be tried again stays to be seen.
    if ((state.phase === 'pending' && state.since !== undefined) || (state.phase === 'failed' && isCurrent(server)))
      return;
    await this.#write(record, name, { phase: 'pending', since: now, reason: 'it waits for a free place' });
  }

  async #start(action: StartAction, name: ServerName): Promise<void> {
    const { clock, lifecycle, meter } = this.#options;
    const { record, server, incarnation } = action;
    using start = this.starts.begin(record, name);
    using turn = this.#gate.enter();
    const burden = burdenOf(server.state, clock.now(), FAILURE_POLICY);
    const starting: ServerState = { phase: 'starting', incarnation, since: clock.now(), ...burden };
    const reason = turn.waits ? { reason: 'it waits for others that are being started' } : {};
    if (!(await this.#write(record, name, { ...starting, ...reason }))) return;
    const about = { session: record.id, owner: record.owner, server: name, incarnation };
    const again = server.state.phase === 'starting' && server.state.incarnation === incarnation;
    const began = again ? server.state.since : starting.since;
    if (!again) lifecycle.record({ name: 'instance.starting', ...about });
    const before = burden.failures === undefined ? {} : { failures: burden.failures };
    const begun = { ...action, server: { ...server, state: starting } };
    try {
      await turn.come(AbortSignal.any([start.signal, this.#stop]));
      if (turn.waits && !(await this.#write(record, name, { ...starting, since: clock.now() }))) return;
      const launched = this.#launcher.launch(record, name, incarnation, start.signal, this.#stop);
      const { name: label, endpoint, startedAt } = await launched;
      const instance: InstanceRef = { name: label, endpoint, startedAt };
      const ready: ServerState = { phase: 'ready', incarnation, since: clock.now(), instance, ...before };
      if (!(await this.#write(record, name, ready))) return;
      meter.started(name, 'ready', clock.now() - began);
      lifecycle.record({ name: 'instance.ready', ...about });
      const why = whyRestarted(server);
      if (why !== undefined) lifecycle.record({ name: 'instance.restarted', ...about, reason: why });
    } catch (error) {
      // Left as it is: the next manager, or the store's return, goes on with this very start.
      if (this.#stop.aborted) return;
      if (error instanceof StoreUnavailable) throw error;
      await this.#startFailed(begun, name, error);
    }
  }

  async #startFailed(action: StartAction, name: ServerName, error: unknown): Promise<void> {
    const app = error instanceof AppError ? error : undefined;
    const kind = kindOf(app);
    // What did not answer just now is not asked again for what was said.
    const status =
      kind === 'outage' ? ({ phase: 'absent' } as const) : await this.#instances.status(action.record.id, name);
    const said = app?.data?.stderr;
    const tail = status.phase === 'absent' ? undefined : await this.#instances.tail(status.instance);
    const stderr = typeof said === 'string' ? said : tail;
    noteLack(this.#options.meter, error);
    if (await this.#fail(action, name, { reason: messageOf(error), stderr, kind }))
      this.#options.meter.started(name, OUTCOMES[kind]);
  }

  /** Writes the failure, if the server is still wanted (else false); what is left of its instance is stopped in the next step. */
  async #fail(
    { record, server, incarnation }: Pick<StartAction, 'record' | 'server' | 'incarnation'>,
    name: ServerName,
    failure: Omit<Failure, 'incarnation'>,
  ): Promise<boolean> {
    const { clock, random, log, lifecycle } = this.#options;
    const state = failedState(server.state, { incarnation, ...failure }, clock.now(), random(), FAILURE_POLICY);
    if (!(await this.#write(record, name, state))) return false;
    const { failures, retryAt } = state;
    // Why is in the record, for its owner; it may quote what the server wrote.
    log.warn({ session: record.id, server: name, failures, retryAt }, 'server failed');
    const { id: session, owner } = record;
    lifecycle.record({ name: 'instance.failed', session, owner, server: name, incarnation, reason: failure.reason });
    return true;
  }

  #stopped({ labels: { session, owner, server, incarnation } }: Instance, reason: string | undefined): void {
    if (reason === undefined) return;
    this.#options.lifecycle.record({ name: 'instance.stopped', session, owner, server, incarnation, reason });
  }

  #write(seen: SessionRecord, name: ServerName, state: ServerState): Promise<boolean> {
    return writeState(this.#options, seen, name, state);
  }
}

function claimOf({ record, server: { state } }: StartAction, server: ServerName, now: number): Waiting {
  const since = state.phase === 'pending' ? state.since : undefined;
  return { session: record.id, server, owner: record.owner, since: since ?? now };
}

function kindOf(error: AppError | undefined): Failure['kind'] {
  if (error?.code === 'config.invalid') return 'definite';
  if (error?.code === 'server.unconfigured') return 'unconfigured';
  // Busy: its place is taken by what does not end, or is somebody else's.
  return error?.code === 'runtime.unavailable' || error?.code === 'server.busy' ? 'outage' : 'failure';
}
