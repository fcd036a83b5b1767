import { setImmediate as pause } from 'node:timers/promises';
import { AppError } from '../../../core/errors.ts';
import { ChangeLog, type Departure, type Record } from './change-log.ts';
import type { Entry } from './entry.ts';
import { Tree } from './tree.ts';

/** Entries that are removed at a time. */
const SLICE = 500;

export interface InventoryLimits {
  /** Changes that are kept. */
  readonly changes: number;
  /** Entries that one watch may have. */
  readonly entries: number;
}

/** Gets each change as it is noted; `entry` is absent when the path left. */
export type OnRecord = (record: Record, entry: Entry | undefined) => void;

/** What is in the watched directory as far as was seen, and the log of its changes. */
export class Inventory {
  readonly tree: Tree;
  readonly log: ChangeLog;
  readonly #limits: InventoryLimits;
  /** Absent: what is observed is no change, but what there was to begin with. */
  onRecord: OnRecord | undefined;

  constructor(limits: InventoryLimits, tree = new Tree(), log = new ChangeLog(limits.changes)) {
    this.#limits = limits;
    this.tree = tree;
    this.log = log;
  }

  /**
   * A path as it is now; what was there and is another thing (`isAnother`) has been removed.
   * @throws AppError `params.invalid` if there are too many entries to watch
   */
  observe(path: string, entry: Entry): void {
    const before = this.tree.get(path);
    if (before?.signature === entry.signature) return;
    if (!before && this.tree.size >= this.#limits.entries)
      throw new AppError(
        'params.invalid',
        `There are more than ${this.#limits.entries} files below this directory: watch one further down, or leave some out with "ignore"`,
      );
    this.tree.put(path, entry);
    if (!this.onRecord) return;
    const record = before ? this.log.modified(path, entry.type) : this.log.created(path, entry.type);
    this.onRecord(record, entry);
  }

  /** True if `path` was something else before, of which nothing is left. */
  isAnother(path: string, { type, signature }: Entry): boolean {
    const before = this.tree.get(path);
    if (!before) return false;
    return before.type !== type || (type === 'directory' && before.signature !== signature);
  }

  /** A path is not there any more. Lets others run in between. @returns the directories among what left */
  async remove(path: string, kind: Departure): Promise<string[]> {
    const lost: string[] = [];
    let count = 0;
    for (const [left, { type }] of this.tree.removal(path)) {
      if (this.onRecord) this.onRecord(this.log.left(left, type, kind), undefined);
      if (type === 'directory') lost.push(left);
      if (++count % SLICE === 0) await pause();
    }
    return lost;
  }
}
