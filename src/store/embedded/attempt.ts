import { AppError, messageOf, StoreUnavailable } from '../../core/errors.ts';
import { SQLITE, sqliteCode } from './database.ts';
import { damaged } from './schema.ts';

/** What `work` on the database file at `path` returns. Whatever SQLite throws becomes a `StoreUnavailable` that names the file. */
export function attempt<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof AppError) throw error;
    const code = sqliteCode(error);
    if (code === SQLITE.CORRUPT || code === SQLITE.NOTADB) throw damaged(path, error);
    throw new StoreUnavailable(`The store ${path} cannot be used (${messageOf(error)})`, error);
  }
}
