import type { ErrorType } from '../../core/meter.ts';

/** Revisions that a client can speak, and `other`. */
export const REVISIONS = ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25', '2026-07-28', 'other'] as const;

/** Methods of MCP that a client may send, in any revision; the rest are `other`. */
export const METHODS = [
  'initialize',
  'ping',
  'server/discover',
  'tools/list',
  'tools/call',
  'resources/list',
  'resources/templates/list',
  'resources/read',
  'resources/subscribe',
  'resources/unsubscribe',
  'prompts/list',
  'prompts/get',
  'completion/complete',
  'logging/setLevel',
  'subscriptions/listen',
  'tasks/get',
  'tasks/result',
  'tasks/list',
  'tasks/cancel',
  'other',
] as const;

/**
 * What became of an operation that failed (`error.type`): whose fault it is decides which alert it feeds.
 * - `tool_error`: the tool said `isError`; `rpc_error`: the server answered with a JSON-RPC error; `client`: the request was wrong
 * - `session_over`: the session has ended, or has expired; `throttled`: 429
 * - `unavailable`: nothing was done, try again; `outcome_unknown`: what it did is not known; `internal`: a fault of ours
 * - `cancelled`: the client gave it up
 */
export const ERROR_TYPES = [
  'tool_error',
  'rpc_error',
  'client',
  'session_over',
  'throttled',
  'unavailable',
  'outcome_unknown',
  'internal',
  'cancelled',
] as const satisfies readonly ErrorType[];
