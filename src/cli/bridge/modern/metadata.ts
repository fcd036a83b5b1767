import { AppError } from '../../../core/errors.ts';
import type { RpcMessage, RpcNotification, RpcRequest } from '../../../core/json-rpc.ts';
import { isResponse } from '../../../core/json-rpc.ts';

const PROTOCOL_VERSION = 'io.modelcontextprotocol/protocolVersion';
export const SUBSCRIPTION_ID = 'io.modelcontextprotocol/subscriptionId';

/** What `Mcp-Name` repeats of the parameters, by method. */
const NAMED: Readonly<Record<string, string>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
};
/** RFC 9110, section 5.5: a value that goes through every intermediary as it is. */
const PLAIN = /^(?:[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?)?$/;
const SENTINEL = /^=\?base64\?.*\?=$/;

/** A request or notification of the modern era says its revision itself (2026-07-28, basic, "_meta"). */
export function isModern(message: RpcMessage): message is RpcRequest | RpcNotification {
  return !isResponse(message) && versionOf(message) !== undefined;
}

/**
 * The headers that repeat what a modern message says (2026-07-28, basic/transports/streamable-http, "Request Metadata").
 * There are none for parameters: the gateway lists no tool that asks for them.
 * @throws AppError `request.invalid` if a header cannot hold it
 */
export function headersOf(message: RpcRequest | RpcNotification): Record<string, string> {
  const key = Object.hasOwn(NAMED, message.method) ? NAMED[message.method] : undefined;
  const name = key === undefined ? undefined : message.params?.[key];
  return {
    'mcp-protocol-version': plain(versionOf(message) ?? '', 'the protocol version in _meta'),
    'mcp-method': plain(message.method, 'the method'),
    ...(typeof name === 'string' && { 'mcp-name': encoded(name) }),
  };
}

function versionOf({ params }: RpcRequest | RpcNotification): string | undefined {
  const version = (params?._meta as Record<string, unknown> | null | undefined)?.[PROTOCOL_VERSION];
  return typeof version === 'string' ? version : undefined;
}

/** "Value Encoding" of the same page. */
function encoded(value: string): string {
  const isPlain = PLAIN.test(value) && !SENTINEL.test(value);
  return isPlain ? value : `=?base64?${Buffer.from(value).toString('base64')}?=`;
}

function plain(value: string, what: string): string {
  if (PLAIN.test(value)) return value;
  throw new AppError('request.invalid', `${what} is ${JSON.stringify(value)}: it must be of visible ASCII characters`);
}
