import { dirname } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { type Clock, systemClock } from '../../core/clock.ts';
import { AppError, messageOf, StoreUnavailable } from '../../core/errors.ts';
import type { Lease } from '../../core/lease.ts';
import { openDatabase, SQLITE, sqliteCode } from './database.ts';

/**
 * The lease of the one manager that may use a state directory: the operating system's lock on a small database file,
 * which also keeps the epoch. The lock goes with the process, however it ends, so nothing stale is ever in the way, and
 * it cannot be lost while the process lives: `lost` aborts at disposal only.
 */
export class FileLease implements Lease {
  readonly epoch: number;
  readonly #db: DatabaseSync;
  readonly #released = new AbortController();

  private constructor(db: DatabaseSync, epoch: number) {
    this.#db = db;
    this.epoch = epoch;
  }

  /**
   * Takes the lease, at once or not at all.
   * @param path the lease's file, in the state directory
   * @throws AppError `lease.held` if another manager has it; StoreUnavailable if the file cannot be used
   */
  static async acquire(path: string, clock: Clock = systemClock): Promise<FileLease> {
    let db: DatabaseSync | undefined;
    try {
      db = openDatabase(path);
      return new FileLease(db, lockAndCount(db, clock.now()));
    } catch (error) {
      db?.close();
      throw asLeaseError(path, error);
    }
  }

  get lost(): AbortSignal {
    return this.#released.signal;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#db.isOpen) return;
    this.#released.abort(new Error('the lease was released'));
    this.#db.close();
  }
}

/**
 * In exclusive locking mode a lock that was taken is kept until the database is closed (sqlite.org/pragma.html#pragma_locking_mode).
 * `BEGIN EXCLUSIVE` takes it in one step: a read before it could leave two that start at once in each other's way.
 * The rollback journal with `synchronous = FULL` lets an epoch outlive a power failure.
 */
function lockAndCount(db: DatabaseSync, now: number): number {
  db.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = FULL; BEGIN EXCLUSIVE');
  db.exec('CREATE TABLE IF NOT EXISTS lease (one INTEGER PRIMARY KEY CHECK (one = 1), epoch INTEGER NOT NULL) STRICT');
  const row = db
    .prepare(
      'INSERT INTO lease VALUES (1, :now) ON CONFLICT DO UPDATE SET epoch = max(epoch + 1, :now) RETURNING epoch',
    )
    .get({ now });
  db.exec('COMMIT');
  return row?.epoch as number;
}

function asLeaseError(path: string, error: unknown): AppError {
  if (sqliteCode(error) === SQLITE.BUSY)
    return new AppError(
      'lease.held',
      `Another session manager is running with the state directory ${dirname(path)}: stop it first, or give this one a state directory of its own`,
      { cause: error },
    );
  return new StoreUnavailable(
    `The lease file ${path} cannot be used (${messageOf(error)}): check its permissions; if it is damaged, remove it while no session manager runs`,
    error,
  );
}
