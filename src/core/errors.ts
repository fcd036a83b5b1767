/**
 * The one catalogue of errors: a stable code with its HTTP status and its JSON-RPC code. Everything that can go wrong
 * for a caller is thrown as an `AppError` where it arises and mapped once, at the edge (gateway, CLI).
 *
 * JSON-RPC codes: -32700 to -32600 as JSON-RPC 2.0 section 5.1 defines them; -32020 to -32022 as MCP does (2026-07-28, basic,
 * "Error Codes"); the others lie outside of the ranges that either reserves, but for -32001, by which clients in use know that
 * a session is over.
 */
export const ERRORS = {
  'auth.missing': { status: 401, rpc: -33010 },
  'auth.invalid': { status: 401, rpc: -33010 },
  'auth.forbidden': { status: 403, rpc: -33011 },
  'auth.throttled': { status: 429, rpc: -33013 },
  'origin.forbidden': { status: 403, rpc: -33011 },
  'request.invalid': { status: 400, rpc: -32600 },
  'request.unparsable': { status: 400, rpc: -32700 },
  'request.too-large': { status: 413, rpc: -32600 },
  'request.not-acceptable': { status: 406, rpc: -32600 },
  'request.media-type': { status: 415, rpc: -32600 },
  'request.method-not-allowed': { status: 405, rpc: -32600 },
  'request.key-reused': { status: 422, rpc: -33012 },
  'request.params': { status: 400, rpc: -32602 },
  'protocol.version': { status: 400, rpc: -32600 },
  'header.mismatch': { status: 400, rpc: -32020 },
  'capability.missing': { status: 400, rpc: -32021 },
  'version.unsupported': { status: 400, rpc: -32022 },
  'method.unknown': { status: 200, rpc: -32601 },
  'params.invalid': { status: 200, rpc: -32602 },
  'session.over': { status: 404, rpc: -32001 },
  'session.quota': { status: 429, rpc: -33013 },
  'replica.unknown': { status: 404, rpc: -32602 },
  'connection.over': { status: 404, rpc: -32001 },
  'connection.missing': { status: 400, rpc: -32600 },
  'connection.quota': { status: 429, rpc: -33013 },
  'server.unknown': { status: 404, rpc: -32602 },
  'server.stopped': { status: 503, rpc: -33014 },
  'server.failed': { status: 503, rpc: -33015 },
  'server.unconfigured': { status: 503, rpc: -33023 },
  'server.busy': { status: 503, rpc: -33016 },
  'stream.taken': { status: 409, rpc: -33022 },
  'call.outcome-unknown': { status: 200, rpc: -33017 },
  'call.result-gone': { status: 200, rpc: -33018 },
  'workspace.refused': { status: 403, rpc: -33011 },
  'config.invalid': { status: 400, rpc: -32602 },
  'store.unavailable': { status: 503, rpc: -33019 },
  'lease.held': { status: 503, rpc: -33019 },
  'runtime.unavailable': { status: 503, rpc: -33019 },
  'manager.unreachable': { status: 503, rpc: -33020 },
  'upstream.failed': { status: 502, rpc: -33021 },
  'not-found': { status: 404, rpc: -32601 },
  internal: { status: 500, rpc: -32603 },
} as const;

export type ErrorCode = keyof typeof ERRORS;

export interface AppErrorOptions {
  /** Seconds after which trying again makes sense (the HTTP header `Retry-After`). */
  readonly retryAfter?: number;
  /** Machine-readable detail that the caller may see: never a secret, an id of somebody else or a path of a user's file. */
  readonly data?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/** An error that a caller is meant to see. The message says what is wrong and what to do. */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: ErrorCode;
  readonly retryAfter: number | undefined;
  readonly data: Readonly<Record<string, unknown>> | undefined;

  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryAfter = options.retryAfter;
    this.data = options.data;
  }

  get status(): number {
    return ERRORS[this.code].status;
  }

  get rpcCode(): number {
    return ERRORS[this.code].rpc;
  }
}

/** The store did not answer. Never the client's fault, and never to be taken for "not there" (D5, D6). */
export class StoreUnavailable extends AppError {
  constructor(message: string, cause?: unknown) {
    super('store.unavailable', message, { retryAfter: 1, cause });
  }
}

/** The store is new or was emptied: what is not in it may yet come back, so nothing is said to be over. */
export class StoreEmptied extends StoreUnavailable {
  constructor() {
    super('The store has lost its records: they are being made again from what runs. Try again');
  }
}

/** `error` if it is an AppError, also one of another copy of this program: a server's module is a bundle of its own. */
export function appErrorOf(error: unknown): AppError | undefined {
  if (error instanceof AppError) return error;
  if (!(error instanceof Error) || error.name !== 'AppError') return undefined;
  const { code, message, data, retryAfter } = error as AppError;
  if (!Object.hasOwn(ERRORS, code)) return undefined;
  return new AppError(code, message, {
    cause: error,
    ...(data === undefined ? {} : { data }),
    ...(retryAfter === undefined ? {} : { retryAfter }),
  });
}

/** `error` as an AppError: itself, or an `internal` one that hides the details from the caller. */
export function asAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  return new AppError('internal', 'Internal error: the log of the session manager has the details', { cause: error });
}

/** A short text for logs and details, whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
