/** More names than this in one directory: it may be anything in it. */
const MANY = 500;

/** Where to look: names in directories, absolute paths; 'all': it may be anything in that directory. */
export type HintedNames = ReadonlyMap<string, ReadonlySet<string> | 'all'>;

/** Collects where something was changed. */
export class Hints {
  #names = new Map<string, Set<string> | 'all'>();

  get size(): number {
    return this.#names.size;
  }

  /** @param name absent: it may be anything in the directory */
  add(directory: string, name?: string): void {
    const names = this.#names.get(directory);
    if (names === 'all') return;
    if (name === undefined || names?.size === MANY) this.#names.set(directory, 'all');
    else if (names) names.add(name);
    else this.#names.set(directory, new Set([name]));
  }

  addAll(hinted: HintedNames): void {
    for (const [directory, names] of hinted) {
      if (names === 'all') this.add(directory);
      else for (const name of names) this.add(directory, name);
    }
  }

  take(): HintedNames {
    const names = this.#names;
    this.#names = new Map();
    return names;
  }
}
