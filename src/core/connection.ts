import type { ConnectionId, ServerName, SessionId } from './ids.ts';

/** One MCP client's use of a session: what any replica needs to go on with it. */
export interface ConnectionRecord {
  readonly id: ConnectionId;
  readonly session: SessionId;
  /** The one server of `/mcp/{server}` or `/sse/{server}`; absent for `/mcp` and `/sse`, all servers of the session. */
  readonly server?: ServerName;
  /** What carries it; absent: Streamable HTTP. */
  readonly transport?: 'sse';
  /** The protocol version agreed with the client. */
  readonly protocolVersion: string;
  /** The client's `initialize` parameters, replayed where a channel has to be opened again. */
  readonly initialize: Readonly<Record<string, unknown>>;
  readonly createdAt: number;
}
