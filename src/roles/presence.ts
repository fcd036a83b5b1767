import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Clock } from '../core/clock.ts';
import { type StoreMeter, UNMEASURED } from '../core/meter.ts';
import { drainMark, type OperationsStore, type ReplicaReport } from '../core/operations.ts';

/** Time between two reports, milliseconds. */
const EVERY_MS = 5000;
/** Who has said nothing for so long is not there any more, milliseconds. */
const TTL_MS = 15_000;

/** What a process says of itself that changes. */
export type Condition = Pick<ReplicaReport, 'draining' | 'sessions' | 'connections' | 'leads' | 'troubles'>;

export interface PresenceOptions {
  readonly operations: Pick<OperationsStore, 'announce' | 'withdraw' | 'marked'>;
  readonly clock: Clock;
  readonly role: ReplicaReport['role'];
  /** This program's. */
  readonly version: string;
  readonly condition: () => Condition;
  /** Absent: nothing is measured. */
  readonly sessionMeter?: Pick<StoreMeter, 'storeWritten'>;
  /** Called when an operator wants this process to take no new work; absent: it cannot be asked. */
  readonly onDrain?: () => void;
}

/**
 * Says every few seconds that this process is there, and how it is, until disposed. While the store is out of reach nobody
 * hears it, and nothing else happens.
 */
export class Presence implements AsyncDisposable {
  readonly #options: PresenceOptions;
  readonly #id = randomUUID();
  readonly #startedAt: number;
  readonly #over = new AbortController();
  readonly #announcing: Promise<void>;

  constructor(options: PresenceOptions) {
    this.#options = options;
    this.#startedAt = options.clock.now();
    this.#announcing = this.#announce();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    await this.#announcing;
    await this.#options.operations.withdraw(this.#id).catch(() => {}); // its TTL does it
  }

  async #announce(): Promise<void> {
    const { operations, clock, sessionMeter = UNMEASURED, onDrain } = this.#options;
    while (!this.#over.signal.aborted) {
      if (onDrain && (await operations.marked(drainMark(this.#id)).catch(() => false))) onDrain();
      await operations.announce(this.#report(), TTL_MS).then(
        () => sessionMeter.storeWritten(undefined),
        (error: unknown) => sessionMeter.storeWritten(error), // an outage: said again soon
      );
      await clock.sleep(EVERY_MS, this.#over.signal).catch(() => {}); // over: the loop's condition sees it
    }
  }

  #report(): ReplicaReport {
    const { role, version, clock, condition } = this.#options;
    const [id, startedAt, machine] = [this.#id, this.#startedAt, hostname()];
    return { id, role, version, machine, startedAt, at: clock.now(), ...condition() };
  }
}
