import { randomBytes } from 'node:crypto';
import type { Clock } from '../../../core/clock.ts';
import { AppError, appErrorOf, messageOf } from '../../../core/errors.ts';
import type { ChangePage } from './change-log.ts';
import { type Cursor, writeCursor } from './cursor.ts';
import type { Inventory } from './inventory.ts';
import { type Identity, Journal } from './journal.ts';
import { Observer, type ObserverStatus } from './observer.ts';
import type { WatchOptions } from './watch-options.ts';

/** Who knows positions of a watch, and up to where: those before the last one were processes that have ended. */
export type Epochs = readonly (readonly [epoch: string, upTo: number])[];

export interface WatchParameters {
  readonly root: string;
  readonly base: string;
  readonly options: WatchOptions;
  readonly inventory: Inventory;
  /** Present: it goes on where another process stopped. */
  readonly earlier?: { readonly id: string; readonly epochs: Epochs };
  /** Path of the journal of a watch; undefined: none is kept. */
  readonly journalOf: (id: string, epoch: string) => string | undefined;
  readonly clock: Clock;
  readonly program: URL;
}

/** Why a reader cannot have all changes since its cursor. */
export type Gap = 'log-full' | 'not-known';

const newId = (): string => randomBytes(8).toString('hex');

/** One watched directory: its changes, and who waits for them. */
export class Watch {
  readonly id: string;
  readonly root: string;
  readonly options: WatchOptions;
  /** The position of what was known of the directory before this process looked at it. */
  readonly startedAt: number;
  readonly #epoch = newId();
  readonly #epochs: Epochs;
  readonly #inventory: Inventory;
  readonly #observer: Observer;
  #journal: Journal | undefined;
  #failure: AppError | undefined;
  #told = 0;
  #news = Promise.withResolvers<void>();

  private constructor({ earlier, inventory, ...rest }: WatchParameters) {
    this.id = earlier?.id ?? newId();
    this.root = rest.root;
    this.options = rest.options;
    this.#epochs = earlier?.epochs ?? [];
    this.#inventory = inventory;
    this.startedAt = inventory.log.head;
    this.#observer = new Observer({
      ...rest,
      inventory,
      onSettled: () => this.#tell(),
      onFailed: (error) => this.#fail(error),
    });
  }

  /**
   * Resolves when every later change will be seen. A watch that goes on has noted by then what changed meanwhile.
   * @throws AppError `params.invalid` if the directory is too large
   */
  static async open(parameters: WatchParameters): Promise<Watch> {
    const watch = new Watch(parameters);
    try {
      await watch.#start(parameters);
      return watch;
    } catch (error) {
      await watch.close();
      throw error;
    }
  }

  get status(): ObserverStatus {
    return this.#observer.status;
  }

  get size(): number {
    return this.#inventory.tree.size;
  }

  /** Whether another process could go on with it. */
  get durable(): boolean {
    return this.#journal?.works ?? false;
  }

  get head(): number {
    return this.#inventory.log.head;
  }

  cursorAt(position: number): string {
    const { id: watch, root: path, options } = this;
    return writeCursor({ watch, epoch: this.#epoch, position, path, options });
  }

  /** Undefined: the cursor is of this watch, and its position is known. */
  gapAt({ epoch, position }: Cursor): Gap | undefined {
    const upTo = epoch === this.#epoch ? this.head : this.#epochs.find(([known]) => known === epoch)?.[1];
    return upTo === undefined || position > upTo ? 'not-known' : undefined;
  }

  /**
   * Changes after a position, oldest first; undefined: some of them are no longer kept.
   * @throws AppError `server.failed` if it has ended by itself, and says why
   */
  async after(position: number, limit: number): Promise<ChangePage | undefined> {
    await this.settled();
    const { log } = this.#inventory;
    return position < log.floor ? undefined : log.after(position, limit);
  }

  /**
   * The position after all changes that are known, once another process could go on from there.
   * @throws as `after`
   */
  async settled(): Promise<number> {
    while (this.#journal?.pending) await this.#journal.flush();
    if (this.#failure) throw this.#failure;
    return this.head;
  }

  /** Resolves when there may be changes after `position`; rejects with the signal's reason. */
  async changed(position: number, signal: AbortSignal): Promise<void> {
    while (this.head <= position && !this.#failure) await orAborted(this.#news.promise, signal);
  }

  /** Ends it, so that another process can go on with it. */
  async close(): Promise<void> {
    await this.#observer.close();
    await this.#journal?.close();
    this.#failure ??= new AppError('params.invalid', 'This watch has ended: start one anew with fs_watch_start');
    this.#wake();
  }

  /** Ends it for good. */
  async forget(): Promise<void> {
    await this.close();
    await this.#journal?.remove();
  }

  async #start({ earlier, journalOf }: WatchParameters): Promise<void> {
    const inventory = this.#inventory;
    const record: Inventory['onRecord'] = (...noted) => this.#journal?.add(...noted);
    // What is there in the beginning is no change, unless something is known of before.
    if (earlier) inventory.onRecord = record;
    await this.#observer.begin();
    inventory.onRecord = record;
    const path = journalOf(this.id, this.#epoch);
    if (path !== undefined) this.#journal = await Journal.create(path, this.#identity(), inventory);
    this.#observer.run();
  }

  #identity(): Identity {
    const { id: watch, root: path, options } = this;
    const epochs = this.#epochs.map(([epoch, upTo]): [string, number] => [epoch, upTo]);
    epochs.push([this.#epoch, 0]);
    return { version: 1, watch, path, options: { ...options, ignore: [...options.ignore] }, pid: process.pid, epochs };
  }

  #tell(): void {
    if (this.head === this.#told) return;
    this.#told = this.head;
    this.#wake();
  }

  #wake(): void {
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }

  #fail(error: unknown): void {
    this.#failure =
      appErrorOf(error) ??
      new AppError('server.failed', `Watching ${this.root} has failed: ${messageOf(error)}`, { cause: error });
    this.#wake();
  }
}

async function orAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', abort);
  try {
    await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
