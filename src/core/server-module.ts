import type { Duplex } from 'node:stream';
import type { AuditLog } from './audit-log.ts';
import type { Logger } from './logger.ts';

/**
 * A server that runs inside the host. Its module exports `openServer`; the host calls it once, and the function that it
 * returns once for each channel. Every channel has a server of its own, so none sees another's state.
 */
export type OpenServer = (context: ServerContext) => Promise<ConnectServer>;
/** Connects a new server to `transport`, which has the shape of the MCP SDK's `Transport`. */
export type ConnectServer = (transport: ServerTransport) => Promise<void>;

export interface ServerContext {
  /** Directory with the session's own configuration files. */
  readonly configDir: string;
  readonly workspace: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly log: Logger;
  /** Where the server writes down what it changes; absent: there is no place that outlives the instance. */
  readonly audit?: AuditLog;
  /** Makes the server's connections; absent: the server connects by itself, to wherever it can. */
  readonly connect?: ConnectOut;
  /** To be told of the certificate that `peer` shows, and until when it is valid, milliseconds since the epoch; absent: nobody asks. */
  readonly sawCertificate?: (peer: string, expiresAt: number) => void;
}

/**
 * A connection to one of the hosts that the server may reach. Rejects with an error that has a `code`: that of a failed
 * socket (`ENOTFOUND`, `ECONNREFUSED`, `ETIMEDOUT`, ...), or `EGRESS_HOST` and others (src/host/egress.ts) if it is not
 * allowed; with the signal's reason when it aborts. Takes ten seconds at most.
 */
export type ConnectOut = (host: string, port: number, signal?: AbortSignal) => Promise<Duplex>;

/** The part of the SDK's `Transport` that a server uses (sdk/shared/transport.d.ts). */
export interface ServerTransport {
  onmessage?: (message: never) => void;
  onclose?: () => void;
  onerror?: (error: Error) => void;
  start(): Promise<void>;
  send(message: unknown, options?: { relatedRequestId?: string | number }): Promise<void>;
  close(): Promise<void>;
}
