import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** Primary result codes of SQLite (sqlite.org/rescode.html). */
export const SQLITE = { BUSY: 5, CORRUPT: 11, NOTADB: 26 } as const;

/**
 * How long a statement waits for another process' lock (a backup's; of two that start at once, the other's), milliseconds; the event
 * loop stands still meanwhile.
 */
const BUSY_MS = 250;

/**
 * Opens a database file that its owner alone may read (mode 0600, so do the files that SQLite puts beside it); makes it,
 * and its directory (0700), where they are not there.
 *
 * An existing file is never opened by other means: closing a second descriptor would drop the locks that SQLite holds on
 * it in this process (sqlite.org/howtocorrupt.html, section 2.2).
 *
 * @throws what `node:fs` and `node:sqlite` throw
 */
export function openDatabase(path: string): DatabaseSync {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    chmodSync(path, 0o600);
  }
  return new DatabaseSync(path, { timeout: BUSY_MS, enableForeignKeyConstraints: true });
}

/** The primary result code of an error of SQLite; undefined for any other error. */
export function sqliteCode(error: unknown): number | undefined {
  if (!(error instanceof Error && 'errcode' in error && typeof error.errcode === 'number')) return undefined;
  return error.errcode & 0xff;
}
