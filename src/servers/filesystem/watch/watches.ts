import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../../../core/clock.ts';
import { AppError } from '../../../core/errors.ts';
import type { Directories } from '../directories.ts';
import type { Change, ChangePage } from './change-log.ts';
import { type Cursor, readCursor } from './cursor.ts';
import { Inventory, type InventoryLimits } from './inventory.ts';
import type { Identity } from './journal.ts';
import type { Journals, Left } from './journals.ts';
import { type Gap, Watch } from './watch.ts';
import type { WatchOptions } from './watch-options.ts';

export interface WatchesOptions {
  readonly directories: Directories;
  /** Where watches outlive this process; undefined: nowhere. */
  readonly journals: Journals | undefined;
  readonly limits: InventoryLimits & {
    /** Watches at a time. */
    readonly watches: number;
  };
  readonly clock: Clock;
  /** What a watch runs in a thread (native-watcher.ts). */
  readonly program: URL;
}

/** How changes are read. */
export interface Reading {
  /** Changes at most. */
  readonly limit: number;
  /** How long to wait for the first one, milliseconds. */
  readonly waitMs: number;
  readonly holder: string;
}

export interface Changes {
  readonly watch: Watch;
  /** Present: there are changes since the cursor that cannot be told. */
  readonly gap?: Gap;
  readonly changes: readonly Change[];
  readonly cursor: string;
  readonly more: boolean;
}

/** The watches of one client. */
export class Watches {
  readonly #options: WatchesOptions;
  readonly #watches = new Map<string, Watch>();
  /** Who needs them. */
  readonly #holders = new Map<string, Set<string>>();
  /** Those that are being started, by what they are to be. */
  readonly #starting = new Map<string, Promise<Watch>>();
  /** How many are being opened, which are in `#watches` only afterwards. */
  #opening = 0;
  /** Those that were stopped here: their cursors start nothing anew. */
  readonly #stopped = new Set<string>();
  #closed = false;

  constructor(options: WatchesOptions) {
    this.#options = options;
  }

  list(): readonly Watch[] {
    return [...this.#watches.values()];
  }

  /** Watches that a process before this one has left; a cursor of theirs goes on with them. */
  async suspended(): Promise<readonly Identity[]> {
    const left = (await this.#options.journals?.left()) ?? [];
    return left.filter(({ watch }) => !this.#watches.has(watch));
  }

  /**
   * Watches a directory, as long as `holder` does not let go of it. The same watch if it is watched in the same way already, or
   * was by a process before this one.
   * @returns with the position up to which the changes are known to whoever held it before
   * @throws AppError `params.invalid`
   */
  async start(path: string, options: WatchOptions, holder: string): Promise<{ watch: Watch; since: number }> {
    const { path: root, base } = await this.#options.directories.find(path);
    const isSame = (other: { readonly options: WatchOptions }) => isDeepStrictEqual(other.options, options);
    const running = this.list().find((watch) => watch.root === root && isSame(watch));
    const since = running?.head;
    const watch =
      running ??
      (await this.#once(JSON.stringify([root, options]), async () => {
        const same = (await this.suspended()).find((identity) => identity.path === root && isSame(identity));
        return await this.#open(root, base, options, same && (await this.#options.journals?.find(same.watch)));
      }));
    this.#hold(watch, holder);
    return { watch, since: since ?? watch.startedAt };
  }

  /** `holder` needs a watch no more; without a holder it is stopped. @returns whether there was such a watch */
  async stop(id: string, holder: string): Promise<boolean> {
    const holders = this.#holders.get(id);
    if (!holders) return (await this.#options.journals?.forget(id)) ?? false;
    holders.delete(holder);
    if (holders.size > 0) return true;
    const watch = this.#watches.get(id);
    this.#watches.delete(id);
    this.#holders.delete(id);
    this.#stopped.add(id);
    await watch?.forget();
    await this.#options.journals?.forget(id);
    return true;
  }

  /**
   * Changes since a cursor; waits for the first one.
   * @throws AppError `params.invalid` or `server.failed`
   */
  async changes(text: string, { limit, waitMs, holder }: Reading, signal: AbortSignal): Promise<Changes> {
    const cursor = readCursor(text);
    if (this.#stopped.has(cursor.watch))
      throw new AppError('params.invalid', 'The watch of this cursor was stopped: start one with fs_watch_start');
    const watch = await this.#of(cursor, holder);
    const gap = watch.id === cursor.watch ? watch.gapAt(cursor) : 'not-known';
    const page = gap === undefined ? await this.#page(watch, cursor.position, limit, waitMs, signal) : undefined;
    if (page) return { watch, changes: page.changes, cursor: watch.cursorAt(page.position), more: page.more };
    const now = await watch.settled();
    return { watch, gap: gap ?? 'log-full', changes: [], cursor: watch.cursorAt(now), more: false };
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#starting.values());
    await Promise.all(this.list().map((watch) => watch.close()));
    this.#watches.clear();
  }

  /** Undefined: the log does not reach back to the position, or did not when the wait was over. */
  async #page(
    watch: Watch,
    position: number,
    limit: number,
    waitMs: number,
    signal: AbortSignal,
  ): Promise<ChangePage | undefined> {
    const { clock } = this.#options;
    const deadline = new AbortController();
    const waiting = AbortSignal.any([signal, deadline.signal]);
    const late = clock.sleep(waitMs, waiting).then(
      () => deadline.abort(),
      () => {},
    );
    try {
      let page = await watch.after(position, limit);
      // What came and went in between is nothing to tell.
      while (page?.changes.length === 0 && waitMs > 0 && !waiting.aborted) {
        const { position: next } = page;
        await watch.changed(next, waiting).catch(() => signal.throwIfAborted());
        page = await watch.after(next, limit);
      }
      return page;
    } finally {
      deadline.abort();
      await late;
    }
  }

  /** The watch that a cursor is of; else what is left of it; else a new one of the same. */
  async #of(cursor: Cursor, holder: string): Promise<Watch> {
    const watch =
      this.#watches.get(cursor.watch) ?? (await this.#once(cursor.watch, () => this.#again(cursor, holder)));
    this.#hold(watch, holder);
    return watch;
  }

  async #again(cursor: Cursor, holder: string): Promise<Watch> {
    const { path: root, base } = await this.#options.directories.find(cursor.path);
    const left = await this.#options.journals?.find(cursor.watch, cursor.epoch);
    if (left?.identity.path === root) return await this.#open(root, base, left.identity.options, left);
    return (await this.start(cursor.path, cursor.options, holder)).watch;
  }

  #hold(watch: Watch, holder: string): void {
    const holders = this.#holders.get(watch.id) ?? new Set();
    this.#holders.set(watch.id, holders.add(holder));
  }

  async #open(root: string, base: string, options: WatchOptions, left?: Left): Promise<Watch> {
    const { journals, limits, clock, program } = this.#options;
    if (this.#watches.size + this.#opening >= limits.watches)
      throw new AppError(
        'params.invalid',
        `${limits.watches} directories are watched already: stop one with fs_watch_stop`,
      );
    this.#opening += 1;
    const watch = await Watch.open({
      ...{ root, base, options, clock, program },
      inventory: left?.inventory ?? new Inventory(limits),
      ...(left ? { earlier: { id: left.identity.watch, epochs: left.epochs } } : {}),
      journalOf: (id, epoch) => journals?.pathOf(id, epoch),
    }).finally(() => {
      this.#opening -= 1;
    });
    this.#watches.set(watch.id, watch);
    await left?.discard();
    if (this.#closed) await watch.close();
    return watch;
  }

  #once(what: string, start: () => Promise<Watch>): Promise<Watch> {
    let starting = this.#starting.get(what);
    if (!starting) {
      starting = start().finally(() => this.#starting.delete(what));
      this.#starting.set(what, starting);
    }
    return starting;
  }
}
