import type { Dirent, Stats } from 'node:fs';
import { lstat, opendir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { entryOf } from './entry.ts';
import type { IgnoreRules } from './ignore-rules.ts';
import type { Inventory } from './inventory.ts';
import { childOf } from './tree.ts';

/** Paths that are looked at together. */
const BATCH = 64;
/** Names that are read from a directory at a time. */
const NAMES = 256;

/** The watched directory itself is not there. */
export class RootGone extends Error {}

/** What a look has found that its caller has to see to. */
export interface Findings {
  /** Directories of which this scanner has not told before, relative paths; they have not been looked into. */
  readonly fresh: string[];
  /** Directories that have left. */
  readonly lost: string[];
  /** Directories that something else is mounted on. */
  readonly mounts: string[];
}

/**
 * Compares directories with the inventory and brings it up to date. Follows no symbolic link, also not one that takes the place
 * of a directory meanwhile.
 */
export class Scanner {
  readonly #root: string;
  readonly #rules: IgnoreRules;
  readonly #inventory: Inventory;
  readonly #signal: AbortSignal;
  /** Those that its caller was told of. */
  readonly #directories = new Set<string>();
  #device: number | undefined;
  #found: Findings = nothing();

  constructor(root: string, rules: IgnoreRules, inventory: Inventory, signal: AbortSignal) {
    this.#root = root;
    this.#rules = rules;
    this.#inventory = inventory;
    this.#signal = signal;
  }

  /** What was found since it was last asked. */
  take(): Findings {
    const found = this.#found;
    this.#found = nothing();
    return found;
  }

  /**
   * Looks at everything below `directory`, a relative path, but into no fresh directory.
   * @throws RootGone; the signal's reason; what `Inventory.observe` throws
   */
  async all(directory: string): Promise<void> {
    const left = [directory];
    for (let next = left.pop(); next !== undefined; next = left.pop())
      for (const known of await this.within(next)) left.push(known);
  }

  /** Looks at the entries of one directory. @returns the directories among them that are not fresh */
  async within(directory: string): Promise<string[]> {
    this.#signal.throwIfAborted();
    const listed = await this.#open(directory);
    if (!listed) return [];
    await this.#rules.enter(directory);
    const seen = new Set<string>();
    const ignored = new Set<string>();
    const known: string[] = [];
    const observe = async (entries: readonly Dirent[]): Promise<void> => {
      for (const outcome of await this.#look(directory, entries)) {
        if (outcome.ignored) ignored.add(outcome.name);
        else seen.add(outcome.name);
        if (outcome.known) known.push(childOf(directory, outcome.name));
      }
    };
    let batch: Dirent[] = [];
    for await (const entry of listed) {
      if (this.#rules.ignores(childOf(directory, entry.name), entry.isDirectory())) ignored.add(entry.name);
      else if (batch.push(entry) === BATCH) {
        await observe(batch);
        batch = [];
      }
    }
    await observe(batch);
    for (const name of this.#inventory.tree.names(directory))
      if (!seen.has(name)) await this.#lose(childOf(directory, name), ignored.has(name));
    return known;
  }

  /** Looks at single names in a directory that is known. */
  async names(directory: string, names: readonly string[]): Promise<void> {
    if (!(await this.#isItself(directory))) return await this.#gone(directory);
    for (let start = 0; start < names.length; start += BATCH) {
      this.#signal.throwIfAborted();
      const batch = names.slice(start, start + BATCH).map((name) => ({ name }));
      const seen = new Set<string>();
      for (const { name, ignored } of await this.#look(directory, batch)) {
        if (ignored) await this.#lose(childOf(directory, name), true);
        seen.add(name);
      }
      for (const { name } of batch) if (!seen.has(name)) await this.#lose(childOf(directory, name), false);
    }
  }

  /** What of `entries` is there. */
  async #look(directory: string, entries: readonly Named[]): Promise<Seen[]> {
    const at = join(this.#root, directory);
    const stats = await Promise.all(entries.map(({ name }) => lstatOf(`${at}/${name}`)));
    const seen: Seen[] = [];
    for (const [index, { name, isDirectory }] of entries.entries()) {
      const now = stats[index];
      if (now) seen.push({ name, ...(await this.#take(childOf(directory, name), now, isDirectory !== undefined)) });
    }
    return seen;
  }

  /** @param asked the rules were asked, and did not ignore it, as far as its type was known */
  async #take(path: string, stats: Stats, asked: boolean): Promise<Omit<Seen, 'name'>> {
    const isDirectory = stats.isDirectory();
    if ((!asked || isDirectory) && this.#rules.ignores(path, isDirectory)) return { ignored: true, known: false };
    const entry = entryOf(stats);
    if (this.#inventory.isAnother(path, entry)) await this.#lose(path, false);
    this.#inventory.observe(path, entry);
    const known = this.#directories.has(path);
    if (!isDirectory || known) return { ignored: false, known };
    this.#directories.add(path);
    this.#found.fresh.push(path);
    if (stats.dev !== this.#device) this.#found.mounts.push(path);
    return { ignored: false, known };
  }

  async #open(directory: string): Promise<AsyncIterable<Dirent> | undefined> {
    if (!(await this.#isItself(directory))) {
      await this.#gone(directory);
      return undefined;
    }
    try {
      return await opendir(join(this.#root, directory), { bufferSize: NAMES });
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // Of what may not be read nothing is known.
      if (code === 'EACCES' || code === 'EPERM') return NONE;
      if (code !== 'ENOENT' && code !== 'ENOTDIR' && code !== 'ELOOP') throw error;
      await this.#gone(directory);
      return undefined;
    }
  }

  /** False when it is not there, or reached through a link now. */
  async #isItself(directory: string): Promise<boolean> {
    const path = join(this.#root, directory);
    const real = await realpath(path).catch(() => undefined);
    if (real !== path) return false;
    if (directory === '') this.#device = (await lstatOf(path))?.dev;
    return true;
  }

  async #gone(directory: string): Promise<void> {
    if (directory === '') throw new RootGone();
    await this.#lose(directory, false);
  }

  async #lose(path: string, ignored: boolean): Promise<void> {
    if (!this.#inventory.tree.get(path)) return;
    for (const lost of await this.#inventory.remove(path, ignored ? 'ignored' : 'deleted')) {
      this.#directories.delete(lost);
      this.#found.lost.push(lost);
    }
  }
}

interface Named {
  readonly name: string;
  isDirectory?(): boolean;
}

interface Seen {
  readonly name: string;
  readonly ignored: boolean;
  /** A directory that is not fresh. */
  readonly known: boolean;
}

const NONE: AsyncIterable<Dirent> = {
  [Symbol.asyncIterator]: () => ({ next: async () => ({ done: true, value: undefined }) }),
};

function nothing(): Findings {
  return { fresh: [], lost: [], mounts: [] };
}

/** Undefined: it is not there, or no longer in a directory. */
async function lstatOf(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch {
    return undefined;
  }
}
