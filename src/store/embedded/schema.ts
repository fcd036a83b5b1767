import type { DatabaseSync } from 'node:sqlite';
import { StoreUnavailable } from '../../core/errors.ts';

/** Kept in the file as `user_version`. */
const VERSION = 3;

/** A session's columns repeat what statements compare; `record` is the whole record as JSON. Times in milliseconds. */
const TABLES = `
  CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    nonce TEXT NOT NULL,
    version INTEGER NOT NULL,
    idle_ttl INTEGER NOT NULL,
    max_at INTEGER NOT NULL,
    deadline INTEGER NOT NULL,
    record TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX sessions_by_deadline ON sessions (deadline);
  CREATE TABLE connections (
    session TEXT NOT NULL REFERENCES sessions ON DELETE CASCADE,
    id TEXT NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (session, id)
  ) STRICT, WITHOUT ROWID;
`;

/** At most one row: see `SessionStore.generation`. Not `begun`: it is only prepared. */
const GENERATION = `
  CREATE TABLE generation (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    name TEXT NOT NULL,
    begun INTEGER NOT NULL
  ) STRICT;
`;

/** See `OperationsStore`. `n` grows and is never used again: the cursor of a page. Times in milliseconds since the epoch. */
const OPERATIONS = `
  CREATE TABLE replicas (id TEXT PRIMARY KEY, until INTEGER NOT NULL, report TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE events (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    session TEXT NOT NULL,
    owner TEXT NOT NULL,
    entry TEXT NOT NULL
  ) STRICT;
  CREATE TABLE audit (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    entry TEXT NOT NULL
  ) STRICT;
  CREATE TABLE hits (key TEXT PRIMARY KEY, count INTEGER NOT NULL, until INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE marks (key TEXT PRIMARY KEY, until INTEGER NOT NULL) STRICT, WITHOUT ROWID;
`;

/** What each format lacks that came after it; a file of format 1 was complete. */
const SINCE: Readonly<Record<number, string>> = {
  1: `${GENERATION} INSERT INTO generation VALUES (1, 'format 1', 1); ${OPERATIONS}`,
  2: OPERATIONS,
};

/**
 * Makes the tables in a new file and checks an existing one.
 * @throws StoreUnavailable for a file of a newer version, of another program, or a damaged one; the message names it
 */
export function prepareSchema(db: DatabaseSync, path: string): void {
  const version = pragma(db, 'user_version');
  if (typeof version === 'number' && version > VERSION)
    throw new StoreUnavailable(
      `The store ${path} was written by a newer version of this program (format ${version}, this one knows ${VERSION}): upgrade the program, or give it another state directory`,
    );
  if (typeof version === 'number' && version > 0) {
    check(db, path);
    if (SINCE[version]) db.exec(`BEGIN IMMEDIATE; ${SINCE[version]} PRAGMA user_version = ${VERSION}; COMMIT`);
    return;
  }
  if (db.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get())
    throw new StoreUnavailable(
      `The file ${path} is a database of another program: move it away, or give this program another state directory`,
    );
  db.exec(`BEGIN IMMEDIATE; ${TABLES} ${GENERATION} ${OPERATIONS} PRAGMA user_version = ${VERSION}; COMMIT`);
}

/** Finds damage now, where the operator sees it, and not in the middle of somebody's work. */
function check(db: DatabaseSync, path: string): void {
  const result = pragma(db, 'quick_check(1)');
  if (result !== 'ok') throw damaged(path, result);
}

export function damaged(path: string, cause: unknown): StoreUnavailable {
  return new StoreUnavailable(
    `The store ${path} is damaged or not a database: restore it from a copy, or move it away to start with an empty one (the sessions in it are lost)`,
    cause,
  );
}

function pragma(db: DatabaseSync, name: string): unknown {
  return Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0];
}
