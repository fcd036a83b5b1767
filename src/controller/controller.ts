import type { CleanupPreview, CleanupResult } from '../core/api.ts';
import { messageOf, StoreEmptied } from '../core/errors.ts';
import type { ServerName, SessionId } from '../core/ids.ts';
import type { Lease } from '../core/lease.ts';
import type { EndedBy, SessionMeter } from '../core/meter.ts';
import { backoffDelay } from '../core/retry.ts';
import type { Instance, Runtime } from '../core/runtime.ts';
import type { SessionRecord, Terminal } from '../core/session.ts';
import { findRecord } from '../sessions/find-record.ts';
import { decide } from './decide.ts';
import { Departures } from './departures.ts';
import { FencedStore } from './fenced-store.ts';
import { HostSurvey } from './host-survey.ts';
import { Instances, keyOf, type Present } from './instances.ts';
import { Leftovers } from './leftovers.ts';
import { concerns } from './not-ended.ts';
import { isOf, orphansAmong, viewOf } from './orphans.ts';
import { OUTAGE_BACKOFF } from './outages.ts';
import { PassMeter } from './pass-meter.ts';
import { Reconciler, type ReconcilerOptions } from './reconciler.ts';
import { Retries } from './retries.ts';
import { Room } from './room.ts';
import { Serial } from './serial.ts';
import { Troubles } from './troubles.ts';

export interface ControllerOptions extends ReconcilerOptions {
  readonly runtime: Runtime;
  readonly lease: Lease;
  /** This machine's name, as terminals give it: only their processes can be looked at. */
  readonly hostname: string;
  /** Whether the terminal's leader, a process of this machine, has ended. */
  readonly isTerminalGone: (terminal: Terminal) => boolean;
  /** Time between two looks at everything, milliseconds. */
  readonly intervalMs: number;
  /** Absent: nothing is measured. */
  readonly sessionMeter?: SessionMeter;
  /** Time between two rounds in which hosts are asked how they are, milliseconds; 0: there are none. */
  readonly surveyMs: number;
}

/**
 * Makes what runs equal to what the store says should run. A signal makes it look at one session at once; a look at
 * everything comes from time to time, so a signal that was lost costs time and nothing else. Servers are started and stopped
 * in parallel, but never is the same one worked on twice at a time. While the store is out of reach nothing is stopped.
 */
export class Controller {
  readonly #options: ControllerOptions;
  readonly #instances: Instances;
  readonly #reconciler: Reconciler;
  readonly #room: Room;
  readonly #departures: Departures;
  readonly #measured: PassMeter;
  readonly #survey: HostSurvey;
  readonly #serial = new Serial();
  readonly #stop = new AbortController();
  readonly #work = new Set<Promise<void>>();
  readonly #retries: Retries;
  readonly #leftovers: Leftovers;
  readonly #troubles: Troubles;
  /** What runs here is known: before that, nothing can be said to be gone. */
  #listed = false;
  /** Ends the pause between two looks at everything. */
  #nap = new AbortController();

  constructor(options: ControllerOptions) {
    const store = new FencedStore(options.store, options.lease, (reason) => this.#stop.abort(reason));
    this.#options = { ...options, store };
    this.#instances = new Instances(options.runtime);
    this.#departures = new Departures(options);
    this.#reconciler = new Reconciler(this.#options, this.#instances, options.lease, this.#stop.signal);
    this.#measured = new PassMeter(options, this.#stop.signal);
    this.#retries = new Retries(options.clock, this.#stop.signal);
    this.#leftovers = new Leftovers(options.runtime);
    this.#troubles = new Troubles(options);
    const onHang = (session: SessionId, name: ServerName) => this.#background(this.#reconcile(session, name));
    this.#survey = new HostSurvey(options, this.#instances, this.#reconciler.silences, onHang);
    this.#room = new Room(this.#options, this.#reconciler, (session, name) => this.#reconcile(session, name));
  }

  /** What keeps it from its work, for people; undefined: nothing. */
  get trouble(): string | undefined {
    return this.#troubles.outage;
  }

  /** Works until `signal` aborts or the lease is lost. What runs goes on running: the next controller adopts it. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, signals, lease, log, meter, admission } = this.#options;
    meter.inCharge(lease.epoch, admission);
    this.#stop.signal.addEventListener('abort', () => meter.resigned(), { once: true });
    const end = AbortSignal.any([signal, lease.lost]);
    const onEnd = () => this.#stop.abort(end.reason);
    end.addEventListener('abort', onEnd, { once: true });
    if (end.aborted) onEnd();
    using _subscription = signals.subscribe((session) => this.#hear(session));
    const surveying = this.#survey.run(this.#stop.signal);
    for (let failures = 0; !this.#stop.signal.aborted; ) {
      const passed = await this.#runPass();
      failures = passed ? 0 : failures + 1;
      const pause = passed
        ? this.#options.intervalMs
        : backoffDelay(OUTAGE_BACKOFF, failures, this.#options.random()) + 1;
      this.#nap = new AbortController();
      await clock.sleep(pause, AbortSignal.any([this.#stop.signal, this.#nap.signal])).catch(() => {}); // ended: the loop's condition sees it
    }
    if (lease.lost.aborted)
      log.error({ epoch: lease.epoch, reason: messageOf(lease.lost.reason) }, 'lease lost: no longer in charge');
    await Promise.allSettled([surveying, ...this.#work]);
  }

  /**
   * Looks at everything once, now, and resolves when all of it is done: sessions whose terminal is gone are ended, and
   * instances that belong to no session. Throws `StoreUnavailable`, and what kept an instance from being stopped.
   * @param owner only this owner's; of others' nothing is said
   */
  async cleanup(owner?: string): Promise<CleanupResult> {
    const { result, work } = await this.#pass('cleanup', owner);
    for (const done of await Promise.allSettled(work))
      if (done.status === 'rejected' && concerns(done.reason, owner)) throw done.reason;
    return result;
  }

  /** What `cleanup` would end now. Throws `StoreUnavailable`, `runtime.unavailable`. */
  async foresee(owner?: string): Promise<CleanupPreview> {
    const actual = await this.#instances.list();
    const records = await this.#reconciler.rebuild.list(actual);
    const orphans = this.#orphans(actual, records).filter(({ labels }) => isOf(labels.owner, owner));
    const left = [...records.values()].filter((record) => this.#isLeft(record, owner));
    return { sessions: left.map(({ id }) => id), orphans: orphans.map(viewOf) };
  }

  /** False: it could not be done. */
  async #runPass(): Promise<boolean> {
    try {
      const { work, actual } = await this.#pass('terminal');
      const more = [this.#reconciler.rebuild.askAgain(actual), this.#leftovers.search()];
      for (const task of [...work, ...more]) this.#background(task);
      this.#troubles.passed(actual);
      return true;
    } catch (error) {
      this.#measured.failed(error);
      this.#note(error);
      return false;
    }
  }

  async #pass(by: EndedBy, owner?: string): Promise<Pass> {
    const began = this.#options.clock.now();
    const actual = await this.#instances.list();
    this.#listed = true;
    const { rebuild, admission } = this.#reconciler;
    const records = await rebuild.list(actual);
    const orphans = this.#orphans(actual, records);
    const sessions: SessionId[] = [];
    for (const record of records.values()) {
      if (this.#isLeft(record, owner) && (await this.#end(record, by))) sessions.push(record.id);
    }
    for (const id of sessions) {
      records.delete(id);
      this.#options.signals.publish(id);
    }
    this.#survey.sawAll(records);
    const isEnding = ({ labels }: Instance) => this.#serial.isBusy(keyOf(labels.session, labels.server));
    this.#measured.passed({ records, actual, orphans, isEnding, began, ...admission.load });
    const own = orphans.filter(({ labels }) => isOf(labels.owner, owner));
    return { result: { sessions, orphans: own.length }, actual, work: this.#enqueue(records, actual) };
  }

  /** Sets to work on everything that is not as it should be. */
  #enqueue(records: ReadonlyMap<SessionId, SessionRecord>, actual: ReadonlyMap<string, Present>): Promise<void>[] {
    const work: Promise<void>[] = [];
    const now = this.#options.clock.now();
    const names = new Map<SessionId, Set<ServerName>>();
    for (const record of records.values()) {
      names.set(record.id, new Set(Object.keys(record.servers)));
      this.#departures.saw(record);
    }
    for (const { instance } of actual.values()) {
      const { session, server } = instance.labels;
      if (!this.#reconciler.rebuild.isSpared(instance)) this.#departures.sawInstance(instance.labels);
      names.set(session, (names.get(session) ?? new Set()).add(server));
    }
    for (const [id, servers] of names) {
      this.#leftovers.add(id);
      for (const name of servers) {
        const record = records.get(id);
        const action = decide(record, name, actual.get(keyOf(id, name)) ?? { phase: 'absent' }, now);
        const until = action.do === 'nothing' ? (action.until ?? this.#restAt(record, name)) : now;
        if (until !== undefined && until <= now) work.push(this.#reconcile(id, name));
        else if (until !== undefined) this.#retryAt(id, name, until);
      }
    }
    for (const id of this.#leftovers.sessions) if (!records.has(id)) work.push(this.#look(id));
    return work;
  }

  #restAt(record: SessionRecord | undefined, name: ServerName): number | undefined {
    return record && this.#reconciler.rest.dueAt(record, name);
  }

  /** Instances that belong to no session, and are not spared. */
  #orphans(actual: ReadonlyMap<string, Present>, records: ReadonlyMap<SessionId, SessionRecord>): Instance[] {
    return orphansAmong(actual, records).filter((instance) => !this.#reconciler.rebuild.isSpared(instance));
  }

  /** Whether it is this owner's, or anybody's, and its terminal is gone. */
  #isLeft({ keep, terminal, owner: whose }: SessionRecord, owner: string | undefined): boolean {
    if (!isOf(whose, owner)) return false;
    if (keep || !terminal.leader || terminal.host !== this.#options.hostname) return false;
    return this.#options.isTerminalGone(terminal);
  }

  /** Ends a session whose terminal is gone. False: it was over already. */
  async #end(record: SessionRecord, by: EndedBy): Promise<boolean> {
    const { store, lifecycle, clock, sessionMeter } = this.#options;
    const { id: session, owner } = record;
    await lifecycle.ending(record);
    if (!(await store.delete(session))) return false;
    this.#departures.ended(session);
    lifecycle.record({ name: 'session.ended', session, owner, reason: 'its terminal is gone' });
    sessionMeter?.sessionEnded(by, clock.now() - record.createdAt);
    return true;
  }

  #hear(session: SessionId): void {
    if (this.#listed && !this.#stop.signal.aborted) this.#background(this.#look(session));
  }

  /** Brings one session to what it should be. */
  async #look(session: SessionId): Promise<void> {
    const record = await findRecord(this.#options.store, session);
    if (record) {
      this.#leftovers.add(session);
      this.#departures.saw(record);
    } else {
      this.#options.memory.over(session);
      this.#departures.gone(session);
    }
    this.#reconciler.starts.reconsider(session, record);
    const names = new Set([
      ...Object.keys(record?.servers ?? {}),
      ...this.#instances.of(session),
      ...this.#reconciler.starts.of(session),
      ...this.#reconciler.admission.of(session),
    ]);
    await Promise.all([...names].map((name) => this.#reconcile(session, name)));
    if (!record) await this.#forget(session);
  }

  #reconcile(session: SessionId, name: ServerName): Promise<void> {
    return this.#serial.run(keyOf(session, name), async () => {
      await this.#leftovers.settled(session);
      const until = await this.#reconciler.reconcile(session, name);
      if (until !== undefined) this.#retryAt(session, name, until);
      this.#admitNext();
    });
  }

  /** Starts what waits and has a place by now, and makes room for the rest. */
  #admitNext(): void {
    const { admission } = this.#reconciler;
    for (const { session, server } of admission.admitted()) this.#background(this.#reconcile(session, server));
    if (admission.wanted().count > 0) this.#background(this.#room.make());
  }

  /** Only what nobody needs: the same terminal may have opened the session again meanwhile. */
  async #forget(session: SessionId): Promise<void> {
    for (let busy = true; busy; ) {
      await this.#serial.settled(`${session}/`);
      if (await findRecord(this.#options.store, session)) return;
      busy = this.#serial.isBusy(`${session}/`);
    }
    // From here to the beginning of the removal nothing else runs: a start that is asked for later waits for it.
    if (!this.#stop.signal.aborted && this.#instances.of(session).length === 0) await this.#leftovers.remove(session);
  }

  #retryAt(session: SessionId, name: ServerName, until: number): void {
    const retry = () => this.#reconcile(session, name);
    this.#background(this.#retries.at(keyOf(session, name), until, retry));
  }

  #background(task: Promise<void>): void {
    const done = task.catch((error: unknown) => this.#note(error)).finally(() => this.#work.delete(done));
    this.#work.add(done);
  }

  #note(error: unknown): void {
    if (this.#stop.signal.aborted) return;
    if (error instanceof StoreEmptied) this.#nap.abort(); // seen before the next look at everything, which mends it
    this.#troubles.note(error);
  }
}

/** A look at everything. */
interface Pass {
  readonly result: CleanupResult;
  readonly actual: ReadonlyMap<string, Present>;
  /** What has been set to work. */
  readonly work: Promise<void>[];
}
