import type { ServerName, SessionId } from './ids.ts';
import type { Terminal } from './session.ts';

/**
 * Bodies of the session API, all JSON. Times are milliseconds since the epoch. An error's body is `ApiError`.
 *
 * | call | who | answer |
 * |---|---|---|
 * | `GET /api/catalogue` | owner | 200 `CatalogueView` |
 * | `POST /api/sessions` `CreateSession` | owner | 201 `OpenedSession`, 200 if the terminal has one already |
 * | `GET /api/sessions` | owner | 200 `SessionList` |
 * | `GET /api/sessions/{id}` | owner or session token | 200 `SessionView` |
 * | `DELETE /api/sessions/{id}` | owner or session token | 204 |
 * | `POST /api/sessions/{id}/stop` | owner or session token | 200 `SessionView`: all servers stopped |
 * | `POST /api/sessions/{id}/servers/{name}/{start,stop,restart}` | owner or session token | 200 `SessionView` |
 * | `POST /api/cleanup` | owner | 200 `CleanupResult` |
 *
 * `Authorization: Bearer` carries the owner's credential or the session's token.
 */
export interface CreateSession {
  readonly terminal: Terminal;
  /** Absolute path. */
  readonly workspace: string;
  /** Servers of the catalogue; all of them if absent. */
  readonly servers?: readonly ServerName[];
  /** The session outlives its terminal. */
  readonly keep?: boolean;
  /** Only a token is wanted: a session that the terminal has already is left as it is, workspace and variables too. */
  readonly attach?: boolean;
  /** Start no server before it is used; the first call waits instead. Absent: as the manager is configured. */
  readonly lazy?: boolean;
  /** Values for variables that the catalogue names. */
  readonly variables?: Readonly<Record<string, string>>;
}

export interface OpenedSession {
  readonly session: SessionView;
  /** Bearer token for MCP and for this session's part of the API. */
  readonly token: string;
  /** False: the terminal had this session already. */
  readonly created: boolean;
}

export interface SessionView {
  readonly id: SessionId;
  readonly owner: string;
  readonly terminal: Terminal;
  readonly workspace: string;
  readonly keep: boolean;
  readonly createdAt: number;
  /** When it ends if nothing is done with it. */
  readonly deadline: number;
  readonly maxAt: number;
  readonly connections: number;
  readonly servers: readonly ServerView[];
}

export interface ServerView {
  readonly name: ServerName;
  /** `idle`: it is started when it is used. `failing`: the instance runs, but the server in it cannot be started or dies again and again. */
  readonly state: 'stopped' | 'idle' | 'pending' | 'starting' | 'ready' | 'failing' | 'failed';
  readonly reason?: string;
  readonly stderr?: string;
  /** Process id, container id or Pod name. */
  readonly instance?: string;
  readonly startedAt?: number;
  readonly memoryBytes?: number;
  readonly cpuSeconds?: number;
  readonly lastActivityAt?: number;
  readonly restarts?: number;
}

export interface SessionList {
  readonly sessions: readonly SessionView[];
}
export interface CatalogueView {
  readonly servers: readonly { readonly name: ServerName; readonly variables: readonly string[] }[];
}
export interface CleanupResult {
  /** Sessions ended because their terminal is gone. */
  readonly sessions: readonly SessionId[];
  /** Instances ended because they belong to no session. */
  readonly orphans: number;
}
export interface ApiError {
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly data?: Readonly<Record<string, unknown>>;
  };
}
