import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { setImmediate as pause } from 'node:timers/promises';
import * as z from 'zod';
import { type ChangeKind, ChangeLog, type Record } from './change-log.ts';
import type { Entry, EntryType } from './entry.ts';
import { Inventory, type InventoryLimits } from './inventory.ts';
import { Tree } from './tree.ts';

/** How the name of a journal ends that is not written in full yet. */
export const UNFINISHED = '.new';
/** Lines that are written, or read, at a time. */
const SLICE = 1000;
/** A journal is written anew when it has so many lines for each that is still of use. */
const WORN = 3;
const FEW = 10_000;

const header = z.object({
  version: z.literal(1),
  watch: z.string(),
  path: z.string(),
  options: z.object({ ignore: z.array(z.string()), gitignore: z.boolean(), polling: z.boolean() }),
  /** Who writes it. */
  pid: z.int(),
  /** Whose positions are known, and up to where; the last one is the writer's own. */
  epochs: z.array(z.tuple([z.string(), z.number()])).min(1),
  /** Up to where changes are no longer known. */
  floor: z.number(),
});

type EntryLine = [path: string, type: EntryType, signature: number];
/** `signature` is the entry's; null: it has left. */
type RecordLine = [
  sequence: number,
  path: string,
  type: EntryType,
  kind: ChangeKind,
  appeared: number,
  first: number,
  signature: number | null,
];

type JournalHeader = z.output<typeof header>;
/** Whose journal it is. */
export type Identity = Omit<JournalHeader, 'floor'>;

/**
 * A file with what a watch knows and has told, so that another process can go on with it: a header, the entries (parents
 * first), then the changes, one line of JSON each. A change is written before a client is told of it.
 */
export class Journal {
  readonly #path: string;
  readonly #header: Identity;
  readonly #inventory: Inventory;
  #file: FileHandle;
  #lines: number;
  #waiting: string[] = [];
  #writing: Promise<void> = Promise.resolve();
  /** It cannot be written (a full disk): what it holds is of no use any more. */
  #broken = false;
  #busy = false;

  private constructor(path: string, head: Identity, inventory: Inventory, file: FileHandle) {
    this.#path = path;
    this.#header = head;
    this.#inventory = inventory;
    this.#file = file;
    this.#lines = sizeOf(inventory);
  }

  /**
   * Writes what there is. The inventory must not change meanwhile.
   * @returns undefined: it cannot be written
   */
  static async create(path: string, head: Identity, inventory: Inventory): Promise<Journal | undefined> {
    const file = await writeWhole(path, head, inventory);
    return file && new Journal(path, head, inventory, file);
  }

  get works(): boolean {
    return !this.#broken;
  }

  /** Whether there is something that is not in the file yet. */
  get pending(): boolean {
    return this.#waiting.length > 0 || this.#busy;
  }

  add(record: Record, entry: Entry | undefined): void {
    if (this.#broken) return;
    const { sequence, path, type, kind, appeared, first } = record;
    const line: RecordLine = [sequence, path, type, kind, appeared, first, entry?.signature ?? null];
    // Nobody may ever read, and ask for it to be in the file.
    if (this.#waiting.push(lineOf(line)) === SLICE) void this.flush();
  }

  /** Resolves when everything that was added is in the file, or the journal is broken. */
  async flush(): Promise<void> {
    this.#writing = this.#writing.then(() => this.#write());
    await this.#writing;
  }

  async close(): Promise<void> {
    await this.flush();
    await this.#file.close().catch(() => {});
  }

  async remove(): Promise<void> {
    this.#broken = true;
    this.#waiting = [];
    await this.#writing;
    await this.#file.close().catch(() => {});
    await rm(this.#path, { force: true });
  }

  async #write(): Promise<void> {
    if (this.#broken) return;
    this.#busy = true;
    try {
      while (this.#waiting.length > 0) {
        const lines = this.#waiting;
        this.#waiting = [];
        for (let start = 0; start < lines.length; start += SLICE)
          await this.#file.appendFile(lines.slice(start, start + SLICE).join(''));
        this.#lines += lines.length;
      }
      if (this.#lines > FEW + WORN * sizeOf(this.#inventory)) await this.#renew();
    } catch {
      await this.#break();
    } finally {
      this.#busy = false;
    }
  }

  async #renew(): Promise<void> {
    const file = await writeWhole(this.#path, this.#header, this.#inventory);
    if (!file) return await this.#break();
    await this.#file.close();
    this.#file = file;
    this.#lines = sizeOf(this.#inventory);
  }

  async #break(): Promise<void> {
    this.#broken = true;
    this.#waiting = [];
    await this.#file.close().catch(() => {});
    await rm(this.#path, { force: true }).catch(() => {});
  }
}

/** @throws an error of the file system if there is none; `undefined`: what is there is no journal */
export async function readJournal(
  path: string,
  limits: InventoryLimits,
): Promise<{ readonly header: JournalHeader; readonly inventory: Inventory } | undefined> {
  await using file = await open(path);
  let head: JournalHeader | undefined;
  let log: ChangeLog | undefined;
  const tree = new Tree();
  let count = 0;
  for await (const line of file.readLines()) {
    const value = parse(line);
    if (!head) {
      head = header.safeParse(value).data;
      if (!head) return undefined;
      log = new ChangeLog(limits.changes, head.floor, head.floor);
    } else if (!take(value, tree, log as ChangeLog)) break; // the last one, cut off when its writer was killed
    if (++count % SLICE === 0) await pause();
  }
  return head && log && { header: head, inventory: new Inventory(limits, tree, log) };
}

/** Only the first line. */
export async function readHeader(path: string): Promise<JournalHeader | undefined> {
  await using file = await open(path);
  for await (const line of file.readLines()) return header.safeParse(parse(line)).data;
  return undefined;
}

/** By their lengths: a schema would take longer than all the rest. Whoever can write here is the session's owner. */
function take(value: unknown, tree: Tree, log: ChangeLog): boolean {
  if (!Array.isArray(value)) return false;
  if (value.length === 3) {
    const [path, type, signature] = value as EntryLine;
    tree.put(path, { type, signature });
    return true;
  }
  if (value.length !== 7) return false;
  const [sequence, path, type, kind, appeared, first, signature] = value as RecordLine;
  log.add({ sequence, path, type, kind, appeared, first });
  if (signature === null) for (const _ of tree.removal(path));
  else tree.put(path, { type, signature });
  return true;
}

/** Beside the old one, which it then replaces. Undefined: it cannot be written. */
async function writeWhole(path: string, head: Identity, inventory: Inventory): Promise<FileHandle | undefined> {
  const beside = path + UNFINISHED;
  let file: FileHandle | undefined;
  try {
    file = await open(beside, 'w', 0o600);
    for (const slice of slicesOf(head, inventory)) await file.appendFile(slice);
    await rename(beside, path);
    return file;
  } catch {
    await file?.close().catch(() => {});
    await rm(beside, { force: true }).catch(() => {});
    return undefined;
  }
}

function* slicesOf(head: Identity, { tree, log }: Inventory): Iterable<string> {
  let lines = [lineOf({ ...head, floor: log.floor })];
  for (const [path, { type, signature }] of tree.entries()) {
    if (lines.push(lineOf([path, type, signature])) < SLICE) continue;
    yield lines.join('');
    lines = [];
  }
  for (const { sequence, path, type, kind, appeared, first } of log.records()) {
    const signature = tree.get(path)?.signature ?? null;
    if (lines.push(lineOf([sequence, path, type, kind, appeared, first, signature])) < SLICE) continue;
    yield lines.join('');
    lines = [];
  }
  yield lines.join('');
}

const lineOf = (value: unknown): string => `${JSON.stringify(value)}\n`;

const sizeOf = ({ tree, log }: Inventory): number => tree.size + log.size;

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
