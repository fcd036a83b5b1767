import { ERROR_TYPES } from '../../src/telemetry/metrics/operation-labels.ts';
import { selector } from './kit/query.ts';

/** The histogram of all operations of MCP; its `_count` counts them. */
export const OPERATIONS = 'mcp_server_operation_duration_seconds';
export const OPERATIONS_COUNT = `${OPERATIONS}_count`;

/** All calls of tools, by `error_type` alone: each of these series is there before its first event. */
export const CALLS = 'mcp_tool_calls_total';
export const TOOL_CALLS = 'mcp_method_name="tools/call"';
/** The tools of the built-in server for Proxmox. */
export const PROXMOX_CALLS = `${TOOL_CALLS}, gen_ai_tool_name=~"pve_.+"`;

export const OTHER_CALLS = `${TOOL_CALLS}, gen_ai_tool_name!~"pve_.+"`;

export const FAILED = 'error_type!=""';
export const ANSWERED = 'error_type=""';

type Party = 'us' | 'server' | 'client';

/** Whose fault an error is, which decides who is to be woken. */
const PARTY: Readonly<Record<(typeof ERROR_TYPES)[number], Party>> = {
  internal: 'us',
  unavailable: 'us',
  outcome_unknown: 'us',
  rpc_error: 'server',
  tool_error: 'server',
  client: 'client',
  session_over: 'client',
  throttled: 'client',
  cancelled: 'client',
};

/** The condition for errors of one party: `error_type=~"internal|unavailable"`. */
export const faultsOf = (party: Party): string =>
  `error_type=~"${ERROR_TYPES.filter((type) => PARTY[type] === party).join('|')}"`;

/** The share of calls that failed in one way, over the last five minutes; 0, not nothing, while there are none. */
export const shareNow = (failed: string, counter: string = CALLS, matchers = ''): string => {
  const count = (conditions: string) => `sum(rate(${selector(counter, conditions)}[5m]))`;
  return `(${count(matchers ? `${matchers}, ${failed}` : failed)} or vector(0)) / (${count(matchers)} > 0) or vector(0)`;
};
