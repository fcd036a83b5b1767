import type { McpHttp } from './mcp-http.ts';
import type { Patience } from './patience.ts';
import type { SessionToken } from './session-token.ts';

/** What both eras of the protocol share: the way to the gateway, and the way to the client. */
export interface BridgeContext {
  readonly http: McpHttp;
  readonly token: SessionToken;
  /** How long a request may go without a sign of life of the gateway, milliseconds. */
  readonly timeoutMs: number;
  /** Aborts when the bridge ends. */
  readonly stopped: AbortSignal;
  /** Patience for one message. @param limitMs milliseconds; absent: `timeoutMs` */
  readonly patience: (limitMs?: () => number) => Patience;
  /** Writes one message, without its newline, to the client; waits while it does not read. */
  readonly write: (text: string) => Promise<void>;
  /** Says something to people. */
  readonly warn: (text: string) => void;
}
