import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import type { Clock } from '../../core/clock.ts';
import { AppError } from '../../core/errors.ts';
import type { AuditEntry, LifecycleEvent, OperationsStore, Page, ReplicaReport } from '../../core/operations.ts';
import { attempt } from './attempt.ts';
import { openStatements, type Statements } from './statements.ts';

/** How many events, and entries of the audit, are kept. */
const KEPT = 10_000;
/** The number of an entry: the cursor of a page. */
const CURSOR = /^\d{1,15}$/;

export interface EmbeddedOperationsOptions {
  /** The database file: the sessions' (store.ts). */
  readonly path: string;
  readonly clock: Clock;
}

type Name = keyof typeof SQL;
type Values = Record<string, SQLInputValue>;

/** For one process: tables of the file that the sessions are in. Times are the injected clock's. */
export class EmbeddedOperations implements OperationsStore, AsyncDisposable {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #db: DatabaseSync;
  readonly #statements: Statements<Name>;

  /** @throws StoreUnavailable if the file cannot be used; the message names it and says what to do */
  constructor({ path, clock }: EmbeddedOperationsOptions) {
    this.#path = path;
    this.#clock = clock;
    ({ db: this.#db, statements: this.#statements } = openStatements(path, SQL));
  }

  async announce(report: ReplicaReport, ttlMs: number): Promise<void> {
    const now = this.#clock.now();
    this.#run('purgeReplicas', { now });
    this.#run('announce', { id: report.id, until: now + ttlMs, report: JSON.stringify(report) });
  }

  async withdraw(id: string): Promise<void> {
    this.#run('withdraw', { id });
  }

  async replicas(): Promise<readonly ReplicaReport[]> {
    const rows = this.#all('replicas', { now: this.#clock.now() });
    const reports = rows.map(({ report }) => JSON.parse(report as string) as ReplicaReport);
    return reports.sort((a, b) => a.startedAt - b.startedAt);
  }

  async record(event: LifecycleEvent): Promise<void> {
    const { session, owner } = event;
    const n = this.#run('record', { session, owner, entry: JSON.stringify(event) });
    this.#run('trimEvents', { last: n - KEPT });
  }

  async events({ session, owner, after, limit }: Parameters<OperationsStore['events']>[0]) {
    const where = { session: session ?? null, owner: owner ?? null };
    return this.#page<LifecycleEvent>('events', where, after, limit);
  }

  async audit(entry: AuditEntry): Promise<void> {
    const { actor, action } = entry;
    const n = this.#run('audit', { actor, action, entry: JSON.stringify(entry) });
    this.#run('trimAudit', { last: n - KEPT });
  }

  async audited({ actor, action, after, limit }: Parameters<OperationsStore['audited']>[0]) {
    const where = { actor: actor ?? null, action: action ?? null };
    return this.#page<AuditEntry>('audited', where, after, limit);
  }

  async hit(key: string, windowMs: number): Promise<number> {
    const now = this.#clock.now();
    this.#run('purgeHits', { now });
    return this.#all('hit', { key, until: now + windowMs })[0]?.count as number;
  }

  async clear(key: string): Promise<void> {
    this.#run('clear', { key });
  }

  async mark(key: string, ttlMs: number): Promise<void> {
    const now = this.#clock.now();
    this.#run('purgeMarks', { now });
    this.#run('mark', { key, until: now + ttlMs });
  }

  async marked(key: string): Promise<boolean> {
    return this.#all('marked', { key, now: this.#clock.now() }).length > 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#db.isOpen) this.#db.close();
  }

  #page<T>(name: 'events' | 'audited', where: Values, after: string | undefined, limit: number): Page<T> {
    if (after !== undefined && !CURSOR.test(after))
      throw new AppError('request.invalid', 'The cursor is none: give back `next` as it came');
    const before = after === undefined ? Number.MAX_SAFE_INTEGER : Number(after);
    const rows = this.#all(name, { ...where, before, limit: limit + 1 });
    const items = rows.slice(0, limit).map(({ entry }) => JSON.parse(entry as string) as T);
    return rows.length > limit ? { items, next: String(rows[limit - 1]?.n) } : { items };
  }

  /** The number of the row that was made, if one was. */
  #run(name: Name, values: Values): number {
    return attempt(this.#path, () => Number(this.#statements[name].run(values).lastInsertRowid));
  }

  #all(name: Name, values: Values): Record<string, unknown>[] {
    return attempt(this.#path, () => this.#statements[name].all(values));
  }
}

const SQL = {
  purgeReplicas: 'DELETE FROM replicas WHERE until <= :now',
  announce: 'INSERT OR REPLACE INTO replicas VALUES (:id, :until, :report)',
  withdraw: 'DELETE FROM replicas WHERE id = :id',
  replicas: 'SELECT report FROM replicas WHERE until > :now',
  record: 'INSERT INTO events (session, owner, entry) VALUES (:session, :owner, :entry)',
  trimEvents: 'DELETE FROM events WHERE n <= :last',
  events: `SELECT n, entry FROM events WHERE n < :before
    AND (:session IS NULL OR session = :session) AND (:owner IS NULL OR owner = :owner) ORDER BY n DESC LIMIT :limit`,
  audit: 'INSERT INTO audit (actor, action, entry) VALUES (:actor, :action, :entry)',
  trimAudit: 'DELETE FROM audit WHERE n <= :last',
  audited: `SELECT n, entry FROM audit WHERE n < :before
    AND (:actor IS NULL OR actor = :actor) AND (:action IS NULL OR action = :action) ORDER BY n DESC LIMIT :limit`,
  purgeHits: 'DELETE FROM hits WHERE until <= :now',
  hit: 'INSERT INTO hits VALUES (:key, 1, :until) ON CONFLICT DO UPDATE SET count = count + 1 RETURNING count',
  clear: 'DELETE FROM hits WHERE key = :key',
  purgeMarks: 'DELETE FROM marks WHERE until <= :now',
  mark: 'INSERT OR REPLACE INTO marks VALUES (:key, :until)',
  marked: 'SELECT 1 FROM marks WHERE key = :key AND until > :now',
} as const;
