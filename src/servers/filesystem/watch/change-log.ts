import type { EntryType } from './entry.ts';

/** `ignored`: still there, but ignored from now on. */
export type ChangeKind = 'created' | 'modified' | 'deleted' | 'ignored';
export type Departure = 'deleted' | 'ignored';

/** The last that happened to one path. */
export interface Record {
  readonly sequence: number;
  readonly path: string;
  readonly type: EntryType;
  readonly kind: ChangeKind;
  /** When it last came into being; 0: before this log. */
  readonly appeared: number;
  /** When it came into being for the first time; 0: it was there before this log. */
  readonly first: number;
}

export interface Change {
  readonly path: string;
  readonly type: EntryType;
  readonly kind: ChangeKind;
}

export interface ChangePage {
  readonly changes: readonly Change[];
  /** Where the next page begins. */
  readonly position: number;
  readonly more: boolean;
}

/**
 * What changed, in order, with one record for each path: a reader at whatever position gets, for each path, the one change
 * that leads from what it was there to what it is now. Bounded: the oldest records are dropped, and `floor` says up to where.
 */
export class ChangeLog {
  /** In the order of their sequence numbers. */
  readonly #records = new Map<string, Record>();
  readonly #limit: number;
  #head: number;
  #floor: number;

  /** @param limit how many records are kept, at least 1 */
  constructor(limit: number, floor = 0, head = floor) {
    this.#limit = limit;
    this.#floor = floor;
    this.#head = head;
  }

  /** The position after the last change. */
  get head(): number {
    return this.#head;
  }

  /** A reader at an earlier position has missed changes that are no longer here. */
  get floor(): number {
    return this.#floor;
  }

  get size(): number {
    return this.#records.size;
  }

  created(path: string, type: EntryType): Record {
    const sequence = this.#head + 1;
    const first = this.#records.get(path)?.first ?? sequence;
    return this.add({ sequence, path, type, kind: 'created', appeared: sequence, first });
  }

  modified(path: string, type: EntryType): Record {
    const { appeared = 0, first = 0 } = this.#records.get(path) ?? {};
    return this.add({ sequence: this.#head + 1, path, type, kind: 'modified', appeared, first });
  }

  left(path: string, type: EntryType, kind: Departure): Record {
    const { first = 0 } = this.#records.get(path) ?? {};
    return this.add({ sequence: this.#head + 1, path, type, kind, appeared: 0, first });
  }

  /** A record that this log or an earlier copy of it has made; its sequence number is above all others. */
  add(record: Record): Record {
    this.#records.delete(record.path);
    this.#records.set(record.path, record);
    this.#head = record.sequence;
    if (this.#records.size > this.#limit) this.#dropOldest();
    return record;
  }

  /** @param position not below `floor` */
  after(position: number, limit: number): ChangePage {
    const changes: Change[] = [];
    let last = position;
    for (const record of this.#records.values()) {
      if (record.sequence <= position) continue;
      if (changes.length === limit) return { changes, position: last, more: true };
      last = record.sequence;
      const change = seenFrom(position, record);
      if (change) changes.push(change);
    }
    return { changes, position: this.#head, more: false };
  }

  records(): Iterable<Record> {
    return this.#records.values();
  }

  #dropOldest(): void {
    const [oldest] = this.#records.values();
    if (!oldest) return;
    this.#records.delete(oldest.path);
    this.#floor = oldest.sequence;
  }
}

function seenFrom(position: number, { path, type, kind, appeared, first }: Record): Change | undefined {
  if (kind === 'deleted' || kind === 'ignored') return first > position ? undefined : { path, type, kind };
  return { path, type, kind: appeared > position ? 'created' : 'modified' };
}
