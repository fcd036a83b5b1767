import { ERRORS, type ErrorCode } from './errors.ts';
import type { ErrorType } from './meter.ts';

/** Whose fault an error is, and what it means for the client's call. */
const TYPES: Readonly<Record<ErrorCode, ErrorType>> = {
  'auth.missing': 'client',
  'auth.invalid': 'client',
  'auth.forbidden': 'client',
  'auth.throttled': 'throttled',
  'origin.forbidden': 'client',
  'request.invalid': 'client',
  'request.unparsable': 'client',
  'request.too-large': 'client',
  'request.not-acceptable': 'client',
  'request.media-type': 'client',
  'request.method-not-allowed': 'client',
  'request.key-reused': 'client',
  'request.params': 'client',
  'protocol.version': 'client',
  'header.mismatch': 'client',
  'capability.missing': 'client',
  'version.unsupported': 'client',
  'method.unknown': 'client',
  'params.invalid': 'client',
  'session.over': 'session_over',
  'session.quota': 'throttled',
  'replica.unknown': 'client',
  'connection.over': 'client',
  'connection.missing': 'client',
  'connection.quota': 'throttled',
  'server.unknown': 'client',
  // Its own terminal has stopped it, or has set nothing of what it needs.
  'server.stopped': 'client',
  'server.unconfigured': 'client',
  'server.failed': 'unavailable',
  'server.busy': 'unavailable',
  'stream.taken': 'client',
  'call.outcome-unknown': 'outcome_unknown',
  'call.result-gone': 'outcome_unknown',
  'workspace.refused': 'client',
  'config.invalid': 'client',
  'store.unavailable': 'unavailable',
  'lease.held': 'unavailable',
  'runtime.unavailable': 'unavailable',
  'manager.unreachable': 'unavailable',
  'upstream.failed': 'rpc_error',
  'not-found': 'client',
  internal: 'internal',
};

/** Codes of this program's own, which a host may have answered with in place of its server (JSON-RPC keeps the others for itself). */
const OWN = -33_000;
const TYPE_OF_RPC: ReadonlyMap<number, ErrorType> = new Map(
  (Object.keys(ERRORS) as ErrorCode[])
    .filter((code) => ERRORS[code].rpc < OWN)
    .map((code) => [ERRORS[code].rpc, TYPES[code]]),
);

export const errorTypeOf = (code: ErrorCode): ErrorType => TYPES[code];

const ERROR = '"error"';
const IS_ERROR = '"isError"';
/** Whether the value of a key is `true`, in the bytes behind the key. */
const IS_TRUE = /^\s*:\s*true/;
/** White space that a server writes there; more of it is not looked at. */
const NEAR = 16;

/**
 * What is wrong with an answer; undefined: nothing. In JSON neither word can stand in a text with its quotation marks as they are,
 * so an answer that has none of them needs not be parsed.
 * @param answer a JSON-RPC response, JSON
 */
export function errorTypeIn(answer: Buffer | string): ErrorType | undefined {
  if (!answer.includes(ERROR) && !saysTrue(answer)) return undefined;
  const message = parsed(answer);
  if (message?.error) return TYPE_OF_RPC.get(Number(message.error.code)) ?? 'rpc_error';
  return message?.result?.isError === true ? 'tool_error' : undefined;
}

function saysTrue(answer: Buffer | string): boolean {
  for (let at = answer.indexOf(IS_ERROR); at >= 0; at = answer.indexOf(IS_ERROR, at + 1)) {
    const behind = at + IS_ERROR.length;
    if (IS_TRUE.test(answer.slice(behind, behind + NEAR).toString())) return true;
  }
  return false;
}

interface Answer {
  readonly error?: { readonly code?: unknown };
  readonly result?: { readonly isError?: unknown };
}

function parsed(answer: Buffer | string): Answer | undefined {
  try {
    return JSON.parse(answer.toString()) as Answer;
  } catch {
    return undefined; // of a server that writes what is no JSON
  }
}
