import type { IncomingHttpHeaders } from 'node:http';
import type { RpcRequest } from '../../core/json-rpc.ts';
import { single } from './guards.ts';

/** Revisions whose clients say with each request what they are: no `initialize`, no session (2026-07-28, basic/versioning). */
export const MODERN_VERSIONS = ['2026-07-28'] as const;

/** Where a request of such a client says its revision, in `params._meta`. */
export const VERSION_KEY = 'io.modelcontextprotocol/protocolVersion';

/**
 * Whether a request is one of a modern client (2026-07-28, basic/versioning, "Backward Compatibility").
 * @param body parsed
 */
export function isModern(headers: IncomingHttpHeaders, body?: unknown): boolean {
  const version = single(headers['mcp-protocol-version']);
  if (version !== undefined && (MODERN_VERSIONS as readonly string[]).includes(version)) return true;
  const params = (body as { params?: { _meta?: object } | null } | null | undefined)?.params;
  return typeof params?._meta === 'object' && params._meta !== null && VERSION_KEY in params._meta;
}

/** Revisions of MCP with sessions that are spoken here over Streamable HTTP, which came with 2025-03-26; newest first. */
export const VERSIONS = ['2025-11-25', '2025-06-18', '2025-03-26'] as const;

/** What is taken for the version where the header is absent (2025-11-25, basic/transports, "Protocol Version Header"). */
export const DEFAULT_VERSION = '2025-03-26';

export const isSpoken = (version: string): boolean => (VERSIONS as readonly string[]).includes(version);

/** The version to answer `initialize` with: the client's if it is spoken here, else the newest (basic/lifecycle). */
export function negotiate(requested: unknown): string {
  return typeof requested === 'string' && isSpoken(requested) ? requested : VERSIONS[0];
}

/**
 * The revision that a request is counted under: what its client says, or is going to be answered with.
 * @param request as it came: nothing of it was checked
 */
export function revisionOf(headers: IncomingHttpHeaders, request: Pick<RpcRequest, 'method' | 'params'>): string {
  const said = single(headers['mcp-protocol-version']);
  if (said !== undefined) return said;
  const meta = request.params?._meta as Record<string, unknown> | null | undefined;
  if (isModern(headers, request)) {
    const inMeta = meta?.[VERSION_KEY];
    return typeof inMeta === 'string' ? inMeta : '';
  }
  return request.method === 'initialize' ? negotiate(request.params?.protocolVersion) : DEFAULT_VERSION;
}

/** Batches were in 2025-03-26 alone. */
export const hasBatches = (version: string): boolean => version === '2025-03-26';

/** An event with an id and empty data, for the client to come back with: clients before 2025-11-25 take it for a message. */
export const hasPriming = (version: string): boolean => version >= '2025-11-25';
