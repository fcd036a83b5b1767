/** An MCP connection of the legacy era. Replaced as a whole when it changes. */
export interface Link {
  /** `Mcp-Session-Id`; absent before `initialize` is answered. */
  readonly connection?: string;
  /** Protocol version agreed with the server; absent as long. */
  readonly version?: string;
}

/** The headers that lead to a connection (2025-11-25, basic/transports, "Session Management", "Protocol Version Header"). */
export function headersOf({ connection, version }: Link): Record<string, string> {
  return {
    ...(connection && { 'mcp-session-id': connection }),
    ...(version && { 'mcp-protocol-version': version }),
  };
}
