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
}

/** The part of the SDK's `Transport` that a server uses (sdk/shared/transport.d.ts). */
export interface ServerTransport {
  onmessage?: (message: never) => void;
  onclose?: () => void;
  onerror?: (error: Error) => void;
  start(): Promise<void>;
  send(message: unknown, options?: { relatedRequestId?: string | number }): Promise<void>;
  close(): Promise<void>;
}
