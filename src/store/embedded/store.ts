import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import type { Clock } from '../../core/clock.ts';
import type { ConnectionRecord } from '../../core/connection.ts';
import type { ConnectionId, SessionId } from '../../core/ids.ts';
import type { SessionRecord } from '../../core/session.ts';
import type { ConnectionStore, SessionStore } from '../../core/store.ts';
import { attempt } from './attempt.ts';
import { openStatements, type Statements } from './statements.ts';

/** Sessions read at a time by `list`. */
const PAGE = 100;

export interface EmbeddedStoreOptions {
  /** The database file. */
  readonly path: string;
  readonly clock: Clock;
}

/**
 * The store of one process: a SQLite file. Times are the injected clock's.
 *
 * Every change is one statement, so a process that is killed at any point leaves whole records and has lost none that was
 * acknowledged: a commit is in the operating system's hands (WAL with `synchronous = NORMAL`; a power failure may take the
 * last ones, never the file). Rows of sessions that are over are not seen from then on, and go with the next `create`.
 */
export class EmbeddedStore implements SessionStore, ConnectionStore, AsyncDisposable {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #db: DatabaseSync;
  readonly #statements: Statements<Name>;

  /** @throws StoreUnavailable if the file cannot be used; the message names it and says what to do */
  constructor({ path, clock }: EmbeddedStoreOptions) {
    this.#path = path;
    this.#clock = clock;
    ({ db: this.#db, statements: this.#statements } = openStatements(path, SQL));
  }

  async generation(): Promise<string | undefined> {
    return this.#attempt(() => this.#statements.generation.get()?.name as string | undefined);
  }

  async prepare(generation: string): Promise<boolean> {
    return this.#attempt(() => this.#run('prepare', generation));
  }

  async begin(generation: string): Promise<boolean> {
    return this.#attempt(() => this.#run('begin', generation));
  }

  async create(record: SessionRecord): Promise<boolean> {
    const now = this.#clock.now();
    return this.#attempt(() => {
      this.#run('purge', now);
      const deadline = Math.min(now + record.idleTtlMs, record.maxAt);
      return this.#run('create', ...columns(record), deadline, record.id);
    });
  }

  async touch(id: SessionId): Promise<SessionRecord | undefined> {
    const now = this.#clock.now();
    return this.#record('touch', now, id, now);
  }

  async peek(id: SessionId): Promise<SessionRecord | undefined> {
    return this.#record('peek', id, this.#clock.now());
  }

  async deadline(id: SessionId): Promise<number | undefined> {
    return this.#attempt(() => this.#statements.deadline.get(id, this.#clock.now())?.deadline as number | undefined);
  }

  async replace(next: SessionRecord): Promise<boolean> {
    const where = [next.id, next.nonce, next.version - 1, this.#clock.now()];
    return this.#attempt(() => this.#run('replace', ...columns(next), next.maxAt, ...where));
  }

  async delete(id: SessionId): Promise<boolean> {
    return this.#attempt(() => this.#run('delete', id, this.#clock.now()));
  }

  /** In pages ordered by id, each a statement of its own: no row is locked or skipped while the caller works. */
  async *list(): AsyncIterable<SessionRecord> {
    let after = '';
    for (;;) {
      const rows = this.#attempt(() => this.#statements.page.all(after, this.#clock.now(), PAGE));
      for (const row of rows) yield JSON.parse(row.record as string) as SessionRecord;
      if (rows.length < PAGE) return;
      after = rows.at(-1)?.id as string;
    }
  }

  async add(record: ConnectionRecord): Promise<boolean> {
    const values = [record.id, JSON.stringify(record), record.session, this.#clock.now()];
    return this.#attempt(() => this.#run('add', ...values));
  }

  async find(session: SessionId, id: ConnectionId): Promise<ConnectionRecord | undefined> {
    return this.#record('find', session, this.#clock.now(), id);
  }

  async connections(session: SessionId): Promise<ConnectionRecord[]> {
    const rows = this.#attempt(() => this.#statements.connections.all(session, this.#clock.now()));
    return rows.map((row) => JSON.parse(row.record as string) as ConnectionRecord);
  }

  async remove(session: SessionId, id: ConnectionId): Promise<boolean> {
    return this.#attempt(() => this.#run('remove', id, session, this.#clock.now()));
  }

  async count(session: SessionId): Promise<number> {
    return this.#attempt(() => this.#statements.count.get(session, this.#clock.now())?.n as number);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#db.isOpen) this.#db.close();
  }

  #run(name: Name, ...values: SQLInputValue[]): boolean {
    return this.#statements[name].run(...values).changes === 1;
  }

  #record<T>(name: Name, ...values: SQLInputValue[]): T | undefined {
    const row = this.#attempt(() => this.#statements[name].get(...values));
    return row && (JSON.parse(row.record as string) as T);
  }

  #attempt<T>(work: () => T): T {
    return attempt(this.#path, work);
  }
}

/** The columns that a record fills, in the order in which `create` and `replace` name them. */
function columns(record: SessionRecord): SQLInputValue[] {
  return [record.nonce, record.version, record.idleTtlMs, record.maxAt, JSON.stringify(record)];
}

type Name = keyof typeof SQL;

/** A session is there while `deadline` lies in the future. */
const SQL = {
  generation: 'SELECT name FROM generation WHERE begun = 1',
  prepare: `INSERT INTO generation VALUES (1, ?, 0)
    ON CONFLICT DO UPDATE SET name = excluded.name WHERE begun = 0`,
  begin: 'UPDATE generation SET begun = 1 WHERE name = ? AND begun = 0',
  purge: 'DELETE FROM sessions WHERE deadline <= ?',
  create: `INSERT INTO sessions (nonce, version, idle_ttl, max_at, record, deadline, id)
    VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
  touch: 'UPDATE sessions SET deadline = min(? + idle_ttl, max_at) WHERE id = ? AND deadline > ? RETURNING record',
  peek: 'SELECT record FROM sessions WHERE id = ? AND deadline > ?',
  deadline: 'SELECT deadline FROM sessions WHERE id = ? AND deadline > ?',
  replace: `UPDATE sessions SET nonce = ?, version = ?, idle_ttl = ?, max_at = ?, record = ?, deadline = min(deadline, ?)
    WHERE id = ? AND nonce = ? AND version = ? AND deadline > ?`,
  delete: 'DELETE FROM sessions WHERE id = ? AND deadline > ?',
  page: 'SELECT id, record FROM sessions WHERE id > ? AND deadline > ? ORDER BY id LIMIT ?',
  add: `INSERT OR REPLACE INTO connections (session, id, record)
    SELECT id, ?, ? FROM sessions WHERE id = ? AND deadline > ?`,
  find: `SELECT c.record FROM sessions s JOIN connections c ON c.session = s.id
    WHERE s.id = ? AND s.deadline > ? AND c.id = ?`,
  connections: `SELECT record FROM connections
    WHERE session = (SELECT id FROM sessions WHERE id = ? AND deadline > ?)`,
  remove: `DELETE FROM connections WHERE id = ?
    AND session = (SELECT id FROM sessions WHERE id = ? AND deadline > ?)`,
  count: `SELECT count(*) AS n FROM connections
    WHERE session = (SELECT id FROM sessions WHERE id = ? AND deadline > ?)`,
} as const;
