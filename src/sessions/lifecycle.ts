import type { Clock } from '../core/clock.ts';
import { messageOf } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { LifecycleEvent, OperationsStore } from '../core/operations.ts';
import type { SessionRecord } from '../core/session.ts';

/** Something that has just happened. */
export type Occurrence = Omit<LifecycleEvent, 'at'>;
/** Tells a session from an earlier one of the same terminal. */
export type SessionIdentity = Pick<SessionRecord, 'id' | 'nonce'>;

/** Where what happens to sessions and instances is written down. Never throws, and holds nobody up who only records. */
export interface Lifecycle {
  record(occurrence: Occurrence): void;
  /** The session is about to be deleted: whoever finds it gone then (`wasEnded`) knows that it did not expire. */
  ending(session: SessionIdentity): Promise<void>;
  /** False also where it is not known any more; undefined: it cannot be known now. */
  wasEnded(session: SessionIdentity): Promise<boolean | undefined>;
}

/** Events that wait for a store that is out of reach; the oldest make way. */
const WAITING = 500;
/** Time between two attempts to write them, milliseconds. */
const AGAIN_MS = 1000;
/** How long it is known that a session was ended by somebody, milliseconds. */
export const ENDED_MS = 24 * 3_600_000;
/** Sessions of which a process remembers that it has ended them; the oldest make way. */
const OWN_ENDS = 10_000;
/** Characters of a reason. */
const REASON = 500;

/** What a reason quotes may be a server's own words: these are for the session's owner, not for the manager's log. */
const QUOTING: ReadonlySet<string> = new Set(['instance.failed', 'instance.restarted']);

export interface LifecycleLogOptions {
  readonly operations: Pick<OperationsStore, 'record' | 'mark' | 'marked'>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Each event becomes an entry of the log (field `event`) at once, and is written to the store in the background, in order. */
export class LifecycleLog implements Lifecycle, AsyncDisposable {
  readonly #options: LifecycleLogOptions;
  readonly #waiting: LifecycleEvent[] = [];
  readonly #over = new AbortController();
  /** Known also when the store has lost its marks. */
  readonly #ended = new Set<string>();
  #writing: Promise<void> | undefined;

  constructor(options: LifecycleLogOptions) {
    this.#options = options;
  }

  record({ reason, ...occurrence }: Occurrence): void {
    const { clock, log } = this.#options;
    const { name, owner: _, ...fields } = occurrence;
    const quoted = reason === undefined || QUOTING.has(name) ? {} : { reason };
    log.info({ event: name, ...fields, ...quoted }, name.replace('.', ' '));
    const short = reason === undefined ? {} : { reason: reason.slice(0, REASON) };
    this.#waiting.push({ at: clock.now(), ...occurrence, ...short });
    if (this.#waiting.length > WAITING) this.#waiting.shift();
    this.#writing ??= this.#write();
  }

  async ending(session: SessionIdentity): Promise<void> {
    const key = keyOf(session);
    this.#ended.add(key);
    if (this.#ended.size > OWN_ENDS) this.#ended.delete(this.#ended.values().next().value as string);
    await this.#options.operations.mark(key, ENDED_MS).catch(() => {}); // elsewhere it then seems to have expired
  }

  async wasEnded(session: SessionIdentity): Promise<boolean | undefined> {
    const key = keyOf(session);
    return this.#ended.has(key) || this.#options.operations.marked(key).catch(() => undefined);
  }

  /** Writes what can be written now. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    await this.#writing;
  }

  async #write(): Promise<void> {
    const { operations, clock, log } = this.#options;
    for (let told = false; this.#waiting.length > 0; ) {
      const event = this.#waiting[0] as LifecycleEvent;
      try {
        await operations.record(event);
        if (this.#waiting[0] === event) this.#waiting.shift();
        told = false;
      } catch (error) {
        if (!told) log.warn({ reason: messageOf(error) }, 'events cannot be written to the store: they wait');
        told = true;
        if (this.#over.signal.aborted) break;
        await clock.sleep(AGAIN_MS, this.#over.signal).catch(() => {}); // over: one last attempt
      }
    }
    this.#writing = undefined;
  }
}

const keyOf = ({ id, nonce }: SessionIdentity): string => `ended:${id}:${nonce}`;
