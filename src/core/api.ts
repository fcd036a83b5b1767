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
 * | `GET /api/sessions/{id}/logs?server=&since=&tail=&follow=` | owner or session token | 200 `LogLine`s, JSON, one a line |
 * | `POST /api/sessions/{id}/log` `WriteLog` | owner or session token | 204 |
 * | `PUT /api/sessions/{id}/log-level` `SetLogLevel` | owner or session token | 200 `LogLevelSet` |
 * | `GET /api/sessions/{id}/events?after=&limit=` | owner or session token | 200 `Page<LifecycleEvent>` (operations.ts) |
 * | `POST /api/cleanup` | owner | 200 `CleanupResult` |
 * | `GET /api/cleanup` | owner | 200 `CleanupPreview`: what that would do |
 *
 * `Authorization: Bearer` carries the owner's credential, the session's token, or a person's (docs/admin-api.md): of an admin,
 * who may do everything; an operator, who may look; a developer, whose own sessions these are.
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
  /** It failed because its terminal has set nothing of what it needs: nobody misses it. */
  readonly unconfigured?: true;
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
export interface CatalogueServer {
  readonly name: ServerName;
  /** Names that `init` takes from the terminal's environment. */
  readonly variables: readonly string[];
  /** Of a server that is a program, as the catalogue has it. */
  readonly command?: string;
  readonly args?: readonly string[];
}
export interface CatalogueView {
  readonly servers: readonly CatalogueServer[];
}
export interface CleanupResult {
  /** Sessions ended because their terminal is gone. */
  readonly sessions: readonly SessionId[];
  /** Instances ended because they belong to no session. */
  readonly orphans: number;
}
/** What a cleanup would end now. */
export interface CleanupPreview {
  /** Sessions whose terminal is gone. */
  readonly sessions: readonly SessionId[];
  /** Instances that run and belong to no session. */
  readonly orphans: readonly OrphanView[];
}
export interface OrphanView {
  readonly session: SessionId;
  readonly server: ServerName;
  /** Process id, container id or Pod name. */
  readonly instance: string;
}
/**
 * A line of a session's log: what a server wrote to stderr, or what its host has to say. `since` is a time, RFC 3339 or
 * milliseconds since the epoch; `tail` a number of lines, of all servers together. With `follow` the answer goes on until the
 * session is over; one that breaks off can be taken up again with the last line's time.
 */
export interface LogLine {
  readonly time: number;
  readonly server: ServerName;
  readonly stream: 'stderr' | 'host';
  /** Of a host's lines. */
  readonly level?: 'debug' | 'info' | 'warn' | 'error';
  /** Without a line break at its end. As the server wrote it: it may hold control characters. */
  readonly text: string;
}

/** An entry into the log of the session, and into the manager's. The server need not run. */
export interface WriteLog {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly server: ServerName;
  readonly text: string;
}

/** How much the hosts of the session's servers say, for a while. `info` is usual. */
export interface SetLogLevel {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly for_seconds: number;
}
export interface LogLevelSet extends SetLogLevel {
  /** Those that run, whose hosts took it; the others have it when they are started. */
  readonly servers: readonly ServerName[];
}
export interface ApiError {
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly data?: Readonly<Record<string, unknown>>;
  };
}
