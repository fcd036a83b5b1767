import { randomUUID } from 'node:crypto';
import type { HostControl } from '../core/channel.ts';
import type { Clock } from '../core/clock.ts';
import { AppError, StoreEmptied } from '../core/errors.ts';
import type { SessionId } from '../core/ids.ts';
import type { Logger } from '../core/logger.ts';
import type { Instance, InstanceId } from '../core/runtime.ts';
import type { SessionRecord } from '../core/session.ts';
import type { Signals } from '../core/signals.ts';
import type { SessionStore } from '../core/store.ts';
import { within } from '../core/within.ts';
import type { InstanceKeys } from '../sessions/instance-keys.ts';
import type { RecordSeal } from '../sessions/record-seal.ts';
import { inBatches } from './in-batches.ts';
import { type Present, runningAmong } from './instances.ts';
import { newest, rebuilt } from './rebuilt.ts';
import type { RecordMemory } from './record-memory.ts';

/** How long a host may take to give its record back, milliseconds. */
const RECORD_MS = 2000;
/** So long a host that hangs is waited for, and with it everybody, if nobody else knows its session; milliseconds. */
const PATIENCE_MS = 15_000;

export interface RebuildOptions {
  readonly store: SessionStore;
  readonly hosts: Pick<HostControl, 'record'>;
  readonly keys: InstanceKeys;
  readonly records: RecordSeal;
  readonly memory: RecordMemory;
  readonly signals: Signals;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * The records of all sessions, made again where the store has lost them (D5): from what was seen last (`memory`), from what the
 * starts in progress were begun with, and from the hosts, each of which keeps the record that it was started with. The newest
 * counts. When all are there the store begins a new generation; until then nothing is taken for over.
 *
 * An instance whose host does not give a record (it hangs for long, or was started with another deployment's key) is *spared*: left
 * alone and asked again with each look, until its label's deadline. Sparing is not kept: the next controller finds the store
 * complete, and an instance without a record is none of it.
 */
export class Rebuild {
  readonly #options: RebuildOptions;
  readonly #starting: () => Iterable<SessionRecord>;
  readonly #spared = new Map<InstanceId, Instance>();
  /** Since when the store has been known to be empty, milliseconds since the epoch; undefined: it is not. */
  #emptySince: number | undefined;

  /** @param starting records of the starts in progress */
  constructor(options: RebuildOptions, starting: () => Iterable<SessionRecord>) {
    this.#options = options;
    this.#starting = starting;
  }

  /**
   * All records, complete. Throws `StoreEmptied` if the store was emptied meanwhile: to be called again; and `StoreUnavailable`.
   * @param actual what runs
   */
  async list(actual: ReadonlyMap<string, Present>): Promise<Map<SessionId, SessionRecord>> {
    const { store, memory, clock } = this.#options;
    const generation = await store.generation();
    if (generation === undefined) await this.#rebuild(runningAmong(actual));
    else this.#emptySince = undefined;
    const records = new Map<SessionId, SessionRecord>();
    for await (const record of store.list()) records.set(record.id, record);
    const now = await store.generation();
    if (now === undefined || (generation !== undefined && now !== generation)) throw new StoreEmptied();
    memory.sawAll(records, clock.now());
    return records;
  }

  /** Whether this instance, which has no record, is to be left alone. */
  isSpared({ id, labels }: Instance): boolean {
    return this.#spared.has(id) && this.#options.clock.now() < labels.deadline;
  }

  async #rebuild(instances: readonly Instance[]): Promise<void> {
    const { store, memory, signals, clock, log } = this.#options;
    const generation = randomUUID();
    if (!(await store.prepare(generation))) throw new StoreEmptied(); // somebody else was faster: look again
    this.#emptySince ??= clock.now();
    const { known, late } = await this.#recordsOf(instances);
    const mute = instances.filter(({ id }) => !known.has(id));
    const best = newest([...memory.recent(clock.now()), ...this.#starting(), ...known.values()]);
    const isHanging = late.some((instance) => !isOf(best, instance));
    if (isHanging && clock.now() < this.#emptySince + PATIENCE_MS) throw new StoreEmptied();
    for (const record of best.values()) await this.#create(record, instances, known);
    this.#spared.clear();
    for (const instance of mute) if (!isOf(best, instance)) this.#spared.set(instance.id, instance);
    // False: emptied once more. What was made may be gone again.
    if (!(await store.begin(generation))) throw new StoreEmptied();
    this.#emptySince = undefined;
    // Gateways look again, and write their connections, while the hosts that remember these still run.
    for (const id of best.keys()) signals.publish(id);
    if (best.size + mute.length === 0) return;
    log.warn({ sessions: best.size, spared: this.#spared.size }, 'the store was empty: sessions made again');
  }

  /** Asks the spared ones again. Throws `StoreUnavailable`. */
  async askAgain(actual: ReadonlyMap<string, Present>): Promise<void> {
    if (this.#spared.size === 0) return;
    const instances = runningAmong(actual);
    const spared = instances.filter(({ id }) => this.#spared.has(id));
    for (const id of this.#spared.keys()) if (!spared.some((other) => other.id === id)) this.#spared.delete(id);
    const { known } = await this.#recordsOf(spared);
    for (const record of newest(known.values()).values()) await this.#create(record, instances, known);
    for (const id of known.keys()) this.#spared.delete(id);
  }

  async #create(
    record: SessionRecord,
    instances: readonly Instance[],
    known: ReadonlyMap<InstanceId, SessionRecord>,
  ): Promise<void> {
    const mine = instances.filter(({ labels }) => labels.session === record.id && labels.nonce === record.nonce);
    const now = this.#options.clock.now();
    await this.#options.store.create(rebuilt(record, mine, (instance) => known.has(instance.id), now));
  }

  /** What the hosts of these instances kept, and those who did not answer in time. */
  async #recordsOf(instances: readonly Instance[]): Promise<Answers> {
    const known = new Map<InstanceId, SessionRecord>();
    const late: Instance[] = [];
    await inBatches(instances, async (instance) => {
      try {
        known.set(instance.id, await this.#recordOf(instance));
      } catch (error) {
        if (error instanceof AppError && error.code === 'server.busy') late.push(instance);
      }
    });
    return { known, late };
  }

  async #recordOf({ labels, endpoint }: Instance): Promise<SessionRecord> {
    const { hosts, keys, records, clock } = this.#options;
    const session = { id: labels.session, nonce: labels.nonce };
    const secret = keys.secretOf(session, labels.server, labels.incarnation);
    const late = () => new AppError('server.busy', 'The host does not answer');
    const ask = (signal: AbortSignal) => hosts.record(endpoint, secret, signal);
    return records.open(session, await within(clock, RECORD_MS, late, ask));
  }
}

interface Answers {
  readonly known: ReadonlyMap<InstanceId, SessionRecord>;
  readonly late: readonly Instance[];
}

const isOf = (records: ReadonlyMap<SessionId, SessionRecord>, { labels }: Instance): boolean =>
  records.get(labels.session)?.nonce === labels.nonce;
