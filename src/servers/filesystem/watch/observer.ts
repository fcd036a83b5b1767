import { lstat, realpath } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { Clock } from '../../../core/clock.ts';
import { messageOf } from '../../../core/errors.ts';
import { type HintedNames, Hints } from './hints.ts';
import { IgnoreRules } from './ignore-rules.ts';
import type { Inventory } from './inventory.ts';
import { lackOf, NativeWatcher } from './native-watcher.ts';
import { networkMountOf } from './network-mount.ts';
import { type Findings, RootGone, Scanner } from './scanner.ts';
import type { WatchOptions } from './watch-options.ts';

/** How often the directory itself is looked at, and the shortest time between two looks at everything when polling. */
const TICK_MS = 1000;
/** What comes in so short a time after a first change is taken together with it. */
const SETTLE_MS = 50;
/** A look at everything may take this part of the time: of a processor when polling, when only verifying. */
const POLLING_SHARE = 1 / 10;
const VERIFYING_SHARE = 1 / 100;
const VERIFY_MS = 60_000;
/** After so many notifications some may have been lost: the kernel's queue holds 16,384 (inotify(7), max_queued_events). */
const BURST = 2000;

export type Mode = 'native' | 'polling';

export interface ObserverStatus {
  /** `missing`: the directory is not there; it is waited for. */
  readonly state: 'watching' | 'missing';
  readonly mode: Mode;
  /** Why it polls. */
  readonly reason?: string;
  /** Why the last look failed; it is tried again. */
  readonly trouble?: string;
}

export interface ObserverParameters {
  /** Absolute path without links. */
  readonly root: string;
  /** The allowed directory that it is in. */
  readonly base: string;
  readonly options: WatchOptions;
  readonly inventory: Inventory;
  readonly clock: Clock;
  /** What is run in a thread (native-watcher.ts). */
  readonly program: URL;
  /** Called after the inventory was brought up to date. */
  readonly onSettled: () => void;
  /** It has ended by itself. */
  readonly onFailed: (error: unknown) => void;
}

/**
 * Keeps an inventory equal to a directory: by the system's notifications, which only say where to look, or by looking at
 * everything again and again. All looks are made one after the other, here.
 */
export class Observer {
  readonly #parameters: ObserverParameters;
  readonly #closing = new AbortController();
  readonly #hints = new Hints();
  #waking = new AbortController();
  #hintsSinceScan = 0;
  #native: NativeWatcher | undefined;
  /** Why it polls; undefined: it does not. */
  #polling: string | undefined;
  #scanner: Scanner | undefined;
  #rules: IgnoreRules | undefined;
  #trouble: string | undefined;
  /** Which directory the root is; undefined: it is not there. */
  #identity: string | undefined;
  #nextScanAt = 0;
  #loop: Promise<void> | undefined;

  constructor(parameters: ObserverParameters) {
    this.#parameters = parameters;
    if (parameters.options.polling) this.#polling = 'asked for';
  }

  get status(): ObserverStatus {
    return {
      state: this.#identity === undefined ? 'missing' : 'watching',
      ...(this.#polling === undefined ? { mode: 'native' } : { mode: 'polling', reason: this.#polling }),
      ...(this.#trouble === undefined ? {} : { trouble: this.#trouble }),
    };
  }

  /**
   * Resolves when the inventory is right, and `run` will see every later change.
   * @throws what `Inventory.observe` throws
   */
  async begin(): Promise<void> {
    await this.#turn();
  }

  /** Begins to follow the changes, those since `begin` among them. */
  run(): void {
    this.#loop = this.#repeat().catch(async (error: unknown) => {
      await this.#stopNative();
      if (!this.#closing.signal.aborted) this.#parameters.onFailed(error);
    });
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#loop;
    await this.#native?.close();
  }

  async #repeat(): Promise<void> {
    const { clock, onSettled } = this.#parameters;
    const { signal } = this.#closing;
    while (!signal.aborted) {
      this.#waking = new AbortController();
      const woken = AbortSignal.any([signal, this.#waking.signal]);
      if (this.#hints.size === 0) await clock.sleep(TICK_MS, woken).catch(() => {});
      if (this.#hints.size > 0) await clock.sleep(SETTLE_MS, signal);
      await this.#turn().then(
        () => {
          this.#trouble = undefined;
        },
        (error: unknown) => this.#bear(error),
      );
      onSettled();
    }
  }

  /** The file system may be out of order for a while: tried again. */
  #bear(error: unknown): void {
    if (typeof (error as NodeJS.ErrnoException).syscall !== 'string') throw error;
    this.#trouble = messageOf(error);
    this.#nextScanAt = 0;
  }

  /** One look at what has to be looked at. */
  async #turn(): Promise<void> {
    try {
      const identity = await this.#identify();
      if (identity === undefined) throw new RootGone();
      if (identity !== this.#identity) await this.#begin(identity);
      else await this.#lookAround();
    } catch (error) {
      if (!(error instanceof RootGone)) throw error;
      await this.#lose();
    }
  }

  /** The directory is there, and it is another one than before: everything begins anew. */
  async #begin(identity: string): Promise<void> {
    const { root, base, options, inventory, program } = this.#parameters;
    await this.#stopNative();
    this.#rules = await IgnoreRules.of(root, base, options.ignore, options.gitignore);
    this.#scanner = new Scanner(root, this.#rules, inventory, this.#closing.signal);
    this.#identity = identity;
    if (this.#polling === undefined) await this.#pollIfNetworked('');
    if (this.#polling === undefined) {
      this.#native = new NativeWatcher(program, {
        hint: (hinted, count) => this.#hint(hinted, count),
        failed: (code) => this.#poll(lackOf(code)),
      });
      await this.#native.add([root]);
    }
    await this.#scanAll();
  }

  async #lookAround(): Promise<void> {
    const quiet = this.#hints.size === 0;
    if (!quiet) await this.#followHints();
    const burst = quiet && this.#hintsSinceScan > BURST;
    if (!burst && this.#parameters.clock.now() < this.#nextScanAt) return;
    const { log } = this.#parameters.inventory;
    const { head } = log;
    await this.#scanAll();
    // What nothing had hinted at: not everything is subscribed to.
    const unseen = log.head !== head && this.#hints.size === 0;
    if (unseen && !burst && this.#native && this.#identity !== undefined) await this.#begin(this.#identity);
  }

  async #scanAll(): Promise<void> {
    const { clock } = this.#parameters;
    const startedAt = clock.now();
    this.#hintsSinceScan = 0;
    await this.#look((scanner) => scanner.all(''));
    const took = clock.now() - startedAt;
    const pause =
      this.#polling === undefined
        ? Math.max(VERIFY_MS, took / VERIFYING_SHARE)
        : Math.max(TICK_MS, took / POLLING_SHARE);
    this.#nextScanAt = clock.now() + pause;
  }

  async #followHints(): Promise<void> {
    const { root, inventory } = this.#parameters;
    for (const [path, names] of this.#hints.take()) {
      const directory = relative(root, path);
      // It has left, or was moved, and its subscription goes with it.
      if (inventory.tree.get(directory)?.type !== 'directory') continue;
      await this.#look(async (scanner) => {
        if (names === 'all') await scanner.within(directory);
        else await scanner.names(directory, [...names]);
        if (names !== 'all' && this.#rules?.changeWith(names)) await scanner.all(directory);
      });
    }
  }

  /** Looks, and then into every directory that was not known, once it is subscribed to. */
  async #look(at: (scanner: Scanner) => Promise<void>): Promise<void> {
    const scanner = this.#scanner as Scanner;
    await at(scanner);
    for (let found = scanner.take(); found.fresh.length + found.lost.length > 0; found = scanner.take()) {
      await this.#subscribe(found);
      for (const directory of found.fresh) await scanner.within(directory);
    }
  }

  async #subscribe({ fresh, lost, mounts }: Findings): Promise<void> {
    const { root } = this.#parameters;
    for (const mount of mounts) await this.#pollIfNetworked(mount);
    if (lost.length > 0) await this.#native?.remove(lost.map((directory) => join(root, directory)));
    if (fresh.length > 0) await this.#native?.add(fresh.map((directory) => join(root, directory)));
  }

  #hint(hinted: HintedNames, count: number): void {
    this.#hintsSinceScan += count;
    this.#hints.addAll(hinted);
    this.#waking.abort();
  }

  async #pollIfNetworked(directory: string): Promise<void> {
    const type = await networkMountOf(join(this.#parameters.root, directory));
    if (type === undefined) return;
    const what = directory === '' ? 'the directory' : directory;
    this.#poll(`${what} is on a network file system (${type}), which reports no changes that others make`);
  }

  #poll(reason: string): void {
    this.#polling ??= reason;
    this.#nextScanAt = 0;
    void this.#stopNative();
  }

  async #stopNative(): Promise<void> {
    const native = this.#native;
    this.#native = undefined;
    this.#hints.take();
    await native?.close();
  }

  async #lose(): Promise<void> {
    const { inventory } = this.#parameters;
    this.#identity = undefined;
    await this.#stopNative();
    for (const name of inventory.tree.names('')) await inventory.remove(name, 'deleted');
  }

  /** Undefined: the root is not there, or a link is on the way to it now. */
  async #identify(): Promise<string | undefined> {
    const { root } = this.#parameters;
    try {
      const stats = await lstat(root);
      // A directory that was removed while it is mounted here stays, with no name anywhere.
      const removed = stats.nlink === 0 && this.#polling === undefined;
      if (!stats.isDirectory() || removed || (await realpath(root)) !== root) return undefined;
      return `${stats.dev}:${stats.ino}:${stats.birthtimeMs}`;
    } catch {
      return undefined;
    }
  }
}
