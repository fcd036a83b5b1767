import { constants, fstatSync, openSync, readSync, writeSync } from 'node:fs';

/** Bytes that outlive the host's process. Both methods throw what the medium throws. */
export interface LedgerFile {
  /** What is there, at most so many bytes from the beginning. */
  read(most: number): Buffer;
  /** Writes `entry` at an offset, bytes: when it returns, the end of this process does not undo it. */
  write(entry: Buffer, position: number): void;
}

/**
 * Opens a ledger for this process alone and never through a link. It is held open: where an instance may not write to a
 * directory any more, it still can to what it has opened there. Not synchronized to the disk: it is to survive a process,
 * not the machine.
 * @returns undefined: there can be none at this path
 */
export function openLedgerFile(path: string): LedgerFile | undefined {
  const { O_CREAT, O_NOFOLLOW, O_RDWR } = constants;
  try {
    const file = openSync(path, O_CREAT | O_NOFOLLOW | O_RDWR, 0o600);
    if (!fstatSync(file).isFile()) return undefined;
    return {
      read: (most) => {
        const bytes = Buffer.alloc(Math.min(most, fstatSync(file).size));
        return bytes.subarray(0, readSync(file, bytes, 0, bytes.length, 0));
      },
      write: (entry, position) => void writeSync(file, entry, 0, entry.length, position),
    };
  } catch {
    return undefined;
  }
}
