import { AppError } from '../../../core/errors.ts';
import type { RpcRequest } from '../../../core/json-rpc.ts';
import { asFields, type Fields } from '../fields.ts';
import { VERSION_KEY } from '../versions.ts';

const INFO_KEY = 'io.modelcontextprotocol/clientInfo';
const CAPABILITIES_KEY = 'io.modelcontextprotocol/clientCapabilities';
const LEVEL_KEY = 'io.modelcontextprotocol/logLevel';

/** From the least to the most severe (2026-07-28, server/utilities/logging, "Log Levels"). */
const LEVELS = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency'];
/** What a client says of itself is kept by hosts; characters of JSON. */
const MAX_CLIENT = 64 << 10;
/** `clientInfo` may be absent, but servers of earlier revisions are to be told of one. */
const UNNAMED = { name: 'unknown', version: '0' };

/** What a modern client says of itself with each request (2026-07-28, basic/index, "Per-request protocol fields"). */
export interface ModernClient {
  readonly info: Fields;
  readonly capabilities: Fields;
  /** The least severe messages that it wants of the server's log; undefined: none. */
  readonly logLevel: string | undefined;
}

/**
 * Reads what the client says of itself.
 * @throws AppError `request.params` (400) if it is missing or malformed
 */
export function clientOf({ params }: RpcRequest): ModernClient {
  const meta = asFields(params?._meta);
  if (typeof meta?.[VERSION_KEY] !== 'string') throw missing(VERSION_KEY, 'a string');
  const capabilities = asFields(meta[CAPABILITIES_KEY]);
  if (!capabilities) throw missing(CAPABILITIES_KEY, 'an object');
  const info = meta[INFO_KEY] === undefined ? UNNAMED : asFields(meta[INFO_KEY]);
  if (typeof info?.name !== 'string' || typeof info.version !== 'string')
    throw new AppError('request.params', `params._meta["${INFO_KEY}"] must have a name and a version`);
  if (JSON.stringify([info, capabilities]).length > MAX_CLIENT)
    throw new AppError('request.params', `What the client says of itself is longer than ${MAX_CLIENT} characters`);
  // Tasks were part of 2025-11-25; here nobody could follow one.
  const { tasks: _, ...known } = capabilities;
  return { info, capabilities: known, logLevel: levelOf(meta) };
}

/** `_meta` for a server of an earlier revision; undefined: nothing is left of it. */
export function serverMeta(meta: unknown): Fields | undefined {
  const { [VERSION_KEY]: _v, [INFO_KEY]: _i, [CAPABILITIES_KEY]: _c, [LEVEL_KEY]: _l, ...rest } = asFields(meta) ?? {};
  return Object.keys(rest).length > 0 ? rest : undefined;
}

/** Whether a client that asked for `wanted` gets a message of `level`. */
export function isLogged(level: unknown, wanted: string | undefined): boolean {
  if (wanted === undefined) return false;
  return LEVELS.indexOf(String(level)) >= LEVELS.indexOf(wanted);
}

function levelOf(meta: Fields): string | undefined {
  const level = meta[LEVEL_KEY];
  if (level === undefined) return undefined;
  if (typeof level === 'string' && LEVELS.includes(level)) return level;
  throw new AppError('request.params', `params._meta["${LEVEL_KEY}"] must be one of ${LEVELS.join(', ')}`);
}

const missing = (key: string, what: string) =>
  new AppError('request.params', `params._meta["${key}"] is missing: it must be ${what}`);
