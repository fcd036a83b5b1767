import type { LogLine } from './api.ts';
import type { Endpoint } from './session.ts';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** How much is said, for a while; then what is at `info` and above. */
export interface LogSetting {
  readonly level: LogLevel;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

/** Which lines are wanted. */
export interface LogQuery {
  /** From this time on, milliseconds since the epoch. */
  readonly since?: number;
  /** From behind the line of this number on. */
  readonly after?: number;
  /** So many of the last. */
  readonly tail?: number;
  /** Goes on with what comes. */
  readonly follow?: boolean;
}

/** A line with its number in the host's log. Numbers begin anew with each start of the host. */
export interface NumberedLine {
  readonly n: number;
  readonly line: LogLine;
}

/** What the API asks of a host about its log. Rejects with an AppError; `server.failed` when the host cannot be reached. */
export interface HostLogs {
  /** The host's last lines, oldest first. Ends with what there is, or, with `follow`, with the host or `signal`. */
  lines(endpoint: Endpoint, secret: string, query: LogQuery, signal: AbortSignal): AsyncIterable<NumberedLine>;
  /** Adds an entry of somebody else's. */
  add(endpoint: Endpoint, secret: string, entry: LogEntry, signal: AbortSignal): Promise<void>;
  setLevel(endpoint: Endpoint, secret: string, setting: LogSetting, signal: AbortSignal): Promise<void>;
}

/** An entry of somebody else's in the log of a server. */
export interface LogEntry {
  readonly server: string;
  readonly level: LogLevel;
  readonly text: string;
}
