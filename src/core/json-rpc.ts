/** JSON-RPC 2.0 as MCP uses it: ids are strings or numbers, never null in a request. */
export type RequestId = string | number;

export interface RpcRequest {
  readonly jsonrpc: '2.0';
  readonly id: RequestId;
  readonly method: string;
  readonly params?: Record<string, unknown>;
}
export interface RpcNotification {
  readonly jsonrpc: '2.0';
  readonly method: string;
  readonly params?: Record<string, unknown>;
}
export interface RpcResult {
  readonly jsonrpc: '2.0';
  readonly id: RequestId;
  readonly result: Record<string, unknown>;
}
export interface RpcError {
  readonly jsonrpc: '2.0';
  readonly id: RequestId | null;
  readonly error: { readonly code: number; readonly message: string; readonly data?: unknown };
}
export type RpcResponse = RpcResult | RpcError;
export type RpcMessage = RpcRequest | RpcNotification | RpcResponse;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
/** A number too large for JavaScript could not be written again. */
export const isId = (value: unknown): value is RequestId => typeof value === 'string' || Number.isFinite(value);

/** `value` as a message of JSON-RPC 2.0, or a text that says what is wrong with it. */
export function asMessage(value: unknown): RpcMessage | string {
  if (!isObject(value)) return 'a message must be a JSON object';
  if (value.jsonrpc !== '2.0') return '"jsonrpc" must be "2.0"';
  if (value.method !== undefined) {
    if (typeof value.method !== 'string') return '"method" must be a string';
    if (value.id !== undefined && !isId(value.id)) return '"id" must be a string or a number';
    if (value.params !== undefined && !isObject(value.params)) return '"params" must be an object';
    return value as unknown as RpcRequest | RpcNotification;
  }
  const answers = (value.result === undefined ? 0 : 1) + (value.error === undefined ? 0 : 1);
  if (answers !== 1) return 'a message must have "method", or one of "result" and "error"';
  if (!isId(value.id) && !(value.id === null && value.error !== undefined)) return '"id" must be a string or a number';
  if (value.result !== undefined && !isObject(value.result)) return '"result" must be an object';
  if (value.error !== undefined && !isObject(value.error)) return '"error" must be an object';
  return value as unknown as RpcResponse;
}

export const isRequest = (m: RpcMessage): m is RpcRequest => 'method' in m && 'id' in m && m.id !== undefined;
export const isNotification = (m: RpcMessage): m is RpcNotification => 'method' in m && !isRequest(m);
export const isResponse = (m: RpcMessage): m is RpcResponse => !('method' in m);

/** The id that an answer about `value` must carry, as far as `value` shows one (JSON-RPC 2.0, section 5: else null). */
export function idOf(value: unknown): RequestId | null {
  return isObject(value) && isId(value.id) ? value.id : null;
}

export function rpcError(id: RequestId | null, code: number, message: string, data?: unknown): RpcError {
  return { jsonrpc: '2.0', id, error: data === undefined ? { code, message } : { code, message, data } };
}
