import type { Stats } from 'node:fs';

export type EntryType = 'file' | 'directory' | 'symlink' | 'other';

/** What is known of a path: enough to see that it was changed. */
export interface Entry {
  readonly type: EntryType;
  /** Differs when the path was changed. That of a directory differs only when it is another directory. */
  readonly signature: number;
}

/** @param stats from `lstat`: a symbolic link stands for itself */
export function entryOf(stats: Stats): Entry {
  const type = typeOf(stats);
  // A directory's times change with everything in it, which is reported by itself.
  const facts =
    type === 'directory'
      ? [stats.ino, stats.birthtimeMs]
      : [stats.ino, stats.size, stats.mtimeMs, stats.ctimeMs, stats.mode];
  return { type, signature: digest(facts) };
}

function typeOf(stats: Stats): EntryType {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  return stats.isSymbolicLink() ? 'symlink' : 'other';
}

/** 53 bits: a hundred thousand texts would take ten times the memory. The mixing is that of MurmurHash3's finalizer. */
function digest(facts: readonly number[]): number {
  const words = new Uint32Array(new Float64Array(facts).buffer);
  let high = 0x9e3779b9;
  let low = 0x85ebca6b;
  for (const word of words) {
    high = Math.imul(high ^ word, 0x85ebca6b);
    high ^= high >>> 13;
    low = Math.imul(low ^ word, 0xc2b2ae35);
    low ^= low >>> 16;
  }
  return (high & 0x1fffff) * 2 ** 32 + (low >>> 0);
}
