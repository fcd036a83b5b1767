import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Inventory, InventoryLimits } from './inventory.ts';
import { type Identity, readHeader, readJournal, UNFINISHED } from './journal.ts';
import type { Epochs } from './watch.ts';

/** Journals of processes that have ended; older ones are removed. */
const MAX_LEFT = 16;
const NAME = /^([0-9a-f]{16})\.([0-9a-f]{16})\.jsonl$/;

/** A watch that a process has left. */
export interface Left {
  readonly inventory: Inventory;
  readonly identity: Identity;
  readonly epochs: Epochs;
  /** Its journal is of use no more. */
  discard(): Promise<void>;
}

/** The journals of one session's watches, in a directory that its processes share. */
export class Journals {
  readonly #directory: string;
  readonly #limits: InventoryLimits;

  private constructor(directory: string, limits: InventoryLimits) {
    this.#directory = directory;
    this.#limits = limits;
  }

  /** @returns undefined: nothing can be kept there */
  static async open(directory: string, limits: InventoryLimits): Promise<Journals | undefined> {
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 });
    } catch {
      return undefined;
    }
    const journals = new Journals(directory, limits);
    await journals.#prune();
    return journals;
  }

  pathOf(watch: string, epoch: string): string {
    return join(this.#directory, `${watch}.${epoch}.jsonl`);
  }

  /**
   * What a watch had noted when a process stopped that knew positions of `epoch`.
   * @param epoch undefined: any
   */
  async find(watch: string, epoch?: string): Promise<Left | undefined> {
    for (const [own, name] of await this.#names(watch)) {
      const left = await this.#read(join(this.#directory, name), own).catch(() => undefined);
      if (left && (epoch === undefined || left.epochs.some(([known]) => known === epoch))) return left;
    }
    return undefined;
  }

  /** Who they are that no running process has. */
  async left(): Promise<readonly Identity[]> {
    const headers = await Promise.all([...(await this.#names())].map(([, name]) => this.#headerOf(name)));
    return headers.filter((header) => header !== undefined && !isRunning(header.pid)) as Identity[];
  }

  /** Removes what processes that have ended have left of a watch. @returns whether there was anything */
  async forget(watch: string): Promise<boolean> {
    let found = false;
    for (const [, name] of await this.#names(watch)) {
      const header = await this.#headerOf(name);
      if (header && isRunning(header.pid)) continue;
      await rm(join(this.#directory, name), { force: true });
      found = true;
    }
    return found;
  }

  async #read(path: string, own: string): Promise<Left | undefined> {
    const read = await readJournal(path, this.#limits);
    if (!read) return undefined;
    const { header, inventory } = read;
    const epochs = header.epochs.map(([epoch, upTo]) => [epoch, epoch === own ? inventory.log.head : upTo] as const);
    const discard = async (): Promise<void> => {
      // Its writer may be another client's, which goes on with it.
      if (!isRunning(header.pid)) await rm(path, { force: true });
    };
    return { inventory, identity: header, epochs, discard };
  }

  async #headerOf(name: string): Promise<Identity | undefined> {
    return await readHeader(join(this.#directory, name)).catch(() => undefined);
  }

  async #names(watch?: string): Promise<[epoch: string, name: string][]> {
    const found: [string, string][] = [];
    for (const name of await readdir(this.#directory).catch(() => [])) {
      const [, id, epoch] = NAME.exec(name) ?? [];
      if (epoch !== undefined && (watch === undefined || id === watch)) found.push([epoch, name]);
    }
    return found;
  }

  async #prune(): Promise<void> {
    const aged: [age: number, name: string][] = [];
    for (const [, name] of await this.#names()) {
      const header = await this.#headerOf(name);
      if (header && isRunning(header.pid)) continue;
      const { mtimeMs } = await stat(join(this.#directory, name)).catch(() => ({ mtimeMs: 0 }));
      aged.push([mtimeMs, name]);
    }
    // What somebody was about to write when it was killed.
    for (const name of await readdir(this.#directory)) {
      const header = name.endsWith(UNFINISHED) ? await this.#headerOf(name) : undefined;
      if (header && !isRunning(header.pid)) await rm(join(this.#directory, name), { force: true });
    }
    aged.sort(([a], [b]) => b - a);
    for (const [, name] of aged.slice(MAX_LEFT)) await rm(join(this.#directory, name), { force: true });
  }
}

/** A process of this machine, or container, other than this one. */
function isRunning(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
