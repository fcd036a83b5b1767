import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { attempt } from './attempt.ts';
import { openDatabase } from './database.ts';
import { prepareSchema } from './schema.ts';

export type Statements<Name extends string> = Readonly<Record<Name, StatementSync>>;

/**
 * Opens the store's file for one of its users, each of which has a connection of its own.
 * @param sql name -> statement
 * @throws StoreUnavailable if the file cannot be used; the message names it and says what to do
 */
export function openStatements<Name extends string>(
  path: string,
  sql: Readonly<Record<Name, string>>,
): { readonly db: DatabaseSync; readonly statements: Statements<Name> } {
  return attempt(path, () => {
    const db = openDatabase(path);
    try {
      db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL');
      prepareSchema(db, path);
      const statements = Object.entries<string>(sql).map(([name, text]) => [name, db.prepare(text)]);
      return { db, statements: Object.fromEntries(statements) as Statements<Name> };
    } catch (error) {
      db.close();
      throw error;
    }
  });
}
