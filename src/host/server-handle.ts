import type { RequestId, RpcMessage } from '../core/json-rpc.ts';

/** One running MCP server as a channel sees it: a child process, or an object in this process. */
export interface ServerHandle {
  /** Sends one JSON-RPC message, without line breaks in it. */
  send(payload: Buffer): void;
  /** Stops and resumes reading what the server says: a gateway cannot keep up. */
  pause(): void;
  resume(): void;
  /** Ends it: asks, waits, then kills. Resolves when it is gone; `onExit` is not called. */
  close(): Promise<void>;
}

export interface ServerEvents {
  /** `raw` is the message as the server wrote it; `related` the client's request it belongs to, where the server says so. */
  onMessage(message: RpcMessage, raw: Buffer, related?: RequestId): void;
  /** It ended by itself. Called once, and nothing after it. */
  onExit(reason: string): void;
}

/** Starts one server. A rejection leaves nothing behind. */
export type StartServer = (events: ServerEvents) => Promise<ServerHandle>;
