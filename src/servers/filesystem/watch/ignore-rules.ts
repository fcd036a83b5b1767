import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join, relative } from 'node:path';
import ignore, { type Ignore } from 'ignore';

/** What is ignored unless a `.gitignore` or the watch itself says otherwise. */
const ALWAYS = ['.git', 'node_modules'];
const FILE = '.gitignore';
/** A `.gitignore` that is larger is none. */
const MAX_BYTES = 256 << 10;
/** After so many answers a layer's memory of them, which has no bound of its own, is begun anew. */
const MAX_REMEMBERED = 10_000;

/**
 * Which paths are ignored: `.git`, `node_modules`, then what each `.gitignore` says (gitignore(5), with those above the watched
 * directory up to `base`), then the watch's own patterns. What comes later has the last word, but in an ignored directory
 * nothing is looked at.
 */
export class IgnoreRules {
  readonly #root: string;
  readonly #above: string;
  readonly #gitignore: boolean;
  readonly #first: Layer;
  readonly #last: Layer;
  /** By directory, relative to `#above`, down to the one whose file it is. */
  readonly #files = new Map<string, Layer>();

  /**
   * @param root the watched directory
   * @param base the directory above it whose rules count too
   * @param patterns the watch's own, relative to `root`
   */
  private constructor(root: string, base: string, patterns: readonly string[], gitignore: boolean) {
    this.#root = relative(base, root);
    this.#above = base;
    this.#gitignore = gitignore;
    this.#first = new Layer(ALWAYS);
    this.#last = new Layer(patterns);
  }

  static async of(root: string, base: string, patterns: readonly string[], gitignore: boolean): Promise<IgnoreRules> {
    const rules = new IgnoreRules(root, base, patterns, gitignore);
    for (const directory of ancestorsOf(rules.#root)) {
      // Somebody who watches an ignored directory means it.
      if (directory !== '' && rules.#says(directory, true)) return new IgnoreRules(root, root, patterns, gitignore);
      await rules.#load(directory);
    }
    return rules;
  }

  /** Reads what a directory's own `.gitignore` says; to be called before its entries are asked about. */
  async enter(directory: string): Promise<void> {
    await this.#load(directory === '' ? this.#root : this.#full(directory));
  }

  /** True if the rules below a directory are others when these names in it were changed. */
  changeWith(names: ReadonlySet<string>): boolean {
    return this.#gitignore && names.has(FILE);
  }

  /** @param path relative to the watched directory; none of the directories on the way to it is ignored */
  ignores(path: string, isDirectory: boolean): boolean {
    return this.#says(this.#full(path), isDirectory, path);
  }

  #says(full: string, isDirectory: boolean, own?: string): boolean {
    let ignored = this.#first.verdict(full, isDirectory) ?? false;
    if (this.#files.size > 0)
      for (const directory of ancestorsOf(parentOf(full))) {
        const path = directory === '' ? full : full.slice(directory.length + 1);
        ignored = this.#files.get(directory)?.verdict(path, isDirectory) ?? ignored;
      }
    return (own === undefined ? undefined : this.#last.verdict(own, isDirectory)) ?? ignored;
  }

  async #load(directory: string): Promise<void> {
    if (!this.#gitignore) return;
    const text = await readRules(join(this.#above, directory, FILE));
    if (text === undefined) this.#files.delete(directory);
    else this.#files.set(directory, new Layer(text));
  }

  #full(path: string): string {
    return this.#root === '' ? path : `${this.#root}/${path}`;
  }
}

/** One file's rules. */
class Layer {
  #rules: Ignore;
  #answers = 0;

  constructor(rules: string | readonly string[]) {
    this.#rules = ignore({ ignorecase: false }).add(rules);
  }

  /** Undefined: it says nothing of this path. */
  verdict(path: string, isDirectory: boolean): boolean | undefined {
    if (++this.#answers > MAX_REMEMBERED) {
      this.#rules = ignore({ ignorecase: false }).add(this.#rules);
      this.#answers = 0;
    }
    const { ignored, unignored } = this.#rules.test(isDirectory ? `${path}/` : path);
    if (!ignored) return unignored ? false : undefined;
    // Said of a directory on the way, and a later layer has overruled it.
    const parent = parentOf(path);
    return parent !== '' && this.#rules.test(`${parent}/`).ignored ? undefined : true;
  }
}

function parentOf(path: string): string {
  const at = path.lastIndexOf('/');
  return at < 0 ? '' : path.slice(0, at);
}

/** The directory itself last, the empty path first. */
function ancestorsOf(directory: string): string[] {
  if (directory === '') return [''];
  const names = directory.split('/');
  return ['', ...names.map((_, index) => names.slice(0, index + 1).join('/'))];
}

/** Undefined: there is none. As git does it, a link is none: it could lead out of the workspace. Nor is a pipe. */
async function readRules(path: string): Promise<string | undefined> {
  try {
    await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const stats = await file.stat();
    return stats.isFile() && stats.size <= MAX_BYTES ? await file.readFile('utf8') : undefined;
  } catch {
    return undefined;
  }
}
