import type { CleanupResult } from '../core/api.ts';
import { messageOf, StoreUnavailable } from '../core/errors.ts';
import type { ServerName, SessionId } from '../core/ids.ts';
import type { Lease } from '../core/lease.ts';
import { backoffDelay } from '../core/retry.ts';
import type { ResourceUsage, Runtime } from '../core/runtime.ts';
import type { SessionRecord, Terminal } from '../core/session.ts';
import { decide } from './decide.ts';
import { Instances, keyOf, type Present } from './instances.ts';
import { Reconciler, type ReconcilerOptions } from './reconciler.ts';
import { Serial } from './serial.ts';

const OUTAGE_BACKOFF = { baseMs: 200, maxMs: 10_000 };

export interface ControllerOptions extends ReconcilerOptions {
  readonly runtime: Runtime;
  readonly lease: Lease;
  /** Removes what the runtime keeps for a session besides its instances (configuration, logs). Nothing there: done. */
  readonly forget: (session: SessionId) => Promise<void>;
  /** This machine's name, as terminals give it: only their processes can be looked at. */
  readonly hostname: string;
  /** Whether the terminal's leader, a process of this machine, has ended. */
  readonly isTerminalGone: (terminal: Terminal) => boolean;
  /** Time between two looks at everything, milliseconds. */
  readonly intervalMs: number;
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
  readonly #serial = new Serial();
  readonly #stop = new AbortController();
  readonly #work = new Set<Promise<void>>();
  readonly #retries = new Map<string, number>();
  /** Sessions that the runtime may keep something for. */
  readonly #open = new Set<SessionId>();
  readonly #forgetting = new Map<SessionId, Promise<void>>();
  /** What runs here is known: before that, nothing can be said to be gone. */
  #listed = false;
  #outage = false;

  constructor(options: ControllerOptions) {
    this.#options = options;
    this.#instances = new Instances(options.runtime);
    this.#reconciler = new Reconciler(options, this.#instances, options.lease.epoch, this.#stop.signal);
  }

  /** Works until `signal` aborts or the lease is lost. What runs goes on running: the next controller adopts it. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, signals, lease, log } = this.#options;
    const end = AbortSignal.any([signal, lease.lost]);
    const onEnd = () => this.#stop.abort(end.reason);
    end.addEventListener('abort', onEnd, { once: true });
    if (end.aborted) onEnd();
    using _subscription = signals.subscribe((session) => this.#hear(session));
    for (let failures = 0; !this.#stop.signal.aborted; ) {
      const passed = await this.#runPass();
      failures = passed ? 0 : failures + 1;
      const pause = passed
        ? this.#options.intervalMs
        : backoffDelay(OUTAGE_BACKOFF, failures, this.#options.random()) + 1;
      await clock.sleep(pause, this.#stop.signal).catch(() => {}); // ended: the loop's condition sees it
    }
    if (lease.lost.aborted) log.error({ epoch: lease.epoch }, 'lease lost: another controller is in charge');
    await Promise.allSettled(this.#work);
  }

  /**
   * Looks at everything once, now, and resolves when all of it is done: sessions whose terminal is gone are ended, and
   * instances that belong to no session. Throws `StoreUnavailable`, and what kept an instance from being stopped.
   * @param owner only this owner's
   */
  async cleanup(owner?: string): Promise<CleanupResult> {
    const { result, work } = await this.#pass(owner);
    for (const done of await Promise.allSettled(work)) if (done.status === 'rejected') throw done.reason;
    return result;
  }

  /** What a server's instance uses; undefined if it does not run. */
  usage(session: SessionId, server: ServerName): Promise<ResourceUsage | undefined> {
    return this.#instances.usage(session, server);
  }

  /** False: it could not be done. */
  async #runPass(): Promise<boolean> {
    try {
      const { work } = await this.#pass();
      for (const task of work) this.#background(task);
      if (this.#outage) this.#options.log.info({}, 'reconciling again');
      this.#outage = false;
      return true;
    } catch (error) {
      this.#note(error);
      return false;
    }
  }

  async #pass(owner?: string): Promise<{ result: CleanupResult; work: Promise<void>[] }> {
    const actual = await this.#instances.list();
    this.#listed = true;
    const records = new Map<SessionId, SessionRecord>();
    for await (const record of this.#options.store.list()) records.set(record.id, record);
    const orphans = [...actual.values()].filter((status) => isOrphan(status, records, owner)).length;
    const sessions: SessionId[] = [];
    for (const record of records.values()) {
      if ((owner !== undefined && record.owner !== owner) || !this.#isAbandoned(record)) continue;
      if (await this.#options.store.delete(record.id)) sessions.push(record.id);
    }
    for (const id of sessions) {
      records.delete(id);
      this.#options.signals.publish(id);
      this.#options.log.info({ session: id }, 'session ended: its terminal is gone');
    }
    return { result: { sessions, orphans }, work: this.#enqueue(records, actual) };
  }

  /** Sets to work on everything that is not as it should be. */
  #enqueue(records: ReadonlyMap<SessionId, SessionRecord>, actual: ReadonlyMap<string, Present>): Promise<void>[] {
    const work: Promise<void>[] = [];
    const now = this.#options.clock.now();
    const names = new Map<SessionId, Set<ServerName>>();
    for (const { id, servers } of records.values()) names.set(id, new Set(Object.keys(servers)));
    for (const { instance } of actual.values()) {
      this.#open.add(instance.labels.session);
      names.get(instance.labels.session)?.add(instance.labels.server);
    }
    for (const [id, servers] of names) {
      this.#open.add(id);
      for (const name of servers) {
        const action = decide(records.get(id), name, actual.get(keyOf(id, name)) ?? { phase: 'absent' }, now);
        if (action.do !== 'nothing') work.push(this.#reconcile(id, name));
        else if (action.until !== undefined) this.#retryAt(id, name, action.until);
      }
    }
    for (const id of this.#open) if (!records.has(id)) work.push(this.#look(id));
    return work;
  }

  #isAbandoned({ keep, terminal }: SessionRecord): boolean {
    if (keep || !terminal.leader || terminal.host !== this.#options.hostname) return false;
    return this.#options.isTerminalGone(terminal);
  }

  #hear(session: SessionId): void {
    if (this.#listed && !this.#stop.signal.aborted) this.#background(this.#look(session));
  }

  /** Brings one session to what it should be. */
  async #look(session: SessionId): Promise<void> {
    const record = await this.#options.store.peek(session);
    if (record) this.#open.add(session);
    this.#reconciler.starts.reconsider(session, record);
    const names = new Set([
      ...Object.keys(record?.servers ?? {}),
      ...this.#instances.of(session),
      ...this.#reconciler.starts.of(session),
    ]);
    await Promise.all([...names].map((name) => this.#reconcile(session, name)));
    if (!record) await this.#forget(session);
  }

  #reconcile(session: SessionId, name: ServerName): Promise<void> {
    return this.#serial.run(keyOf(session, name), async () => {
      await this.#forgetting.get(session)?.catch(() => {}); // heard of by whoever asked for it
      const until = await this.#reconciler.reconcile(session, name);
      if (until !== undefined) this.#retryAt(session, name, until);
    });
  }

  /** Only what nobody needs: the same terminal may have opened the session again meanwhile. */
  async #forget(session: SessionId): Promise<void> {
    if (await this.#options.store.peek(session)) return;
    // From here to `set` nothing else runs: a start that is asked for later waits for the removal.
    if (this.#stop.signal.aborted || this.#serial.isBusy(`${session}/`) || this.#instances.of(session).length > 0)
      return;
    const removal = this.#forgetting.get(session) ?? this.#options.forget(session);
    this.#forgetting.set(session, removal);
    try {
      await removal;
      this.#open.delete(session);
    } finally {
      this.#forgetting.delete(session);
    }
  }

  #retryAt(session: SessionId, name: ServerName, until: number): void {
    const key = keyOf(session, name);
    if (this.#retries.get(key) === until) return;
    this.#retries.set(key, until);
    const { clock } = this.#options;
    const retry = async () => {
      await clock.sleep(Math.max(0, until - clock.now()), this.#stop.signal);
      if (this.#retries.get(key) !== until) return;
      this.#retries.delete(key);
      await this.#reconcile(session, name);
    };
    this.#background(retry());
  }

  #background(task: Promise<void>): void {
    const done = task.catch((error: unknown) => this.#note(error)).finally(() => this.#work.delete(done));
    this.#work.add(done);
  }

  /** An outage is logged once, not once for each session that it touches. */
  #note(error: unknown): void {
    if (this.#stop.signal.aborted) return;
    const outage = error instanceof StoreUnavailable;
    if (outage && this.#outage) return;
    this.#outage ||= outage;
    const message = outage
      ? 'the store is out of reach: nothing is started or stopped until it is back'
      : 'reconciling failed';
    this.#options.log.warn({ reason: messageOf(error) }, message);
  }
}

/** An instance that runs and belongs to no session, or to an earlier one. */
function isOrphan(status: Present, records: ReadonlyMap<SessionId, SessionRecord>, owner: string | undefined): boolean {
  const { labels } = status.instance;
  if (status.phase !== 'running' || (owner !== undefined && labels.owner !== owner)) return false;
  return records.get(labels.session)?.nonce !== labels.nonce;
}
