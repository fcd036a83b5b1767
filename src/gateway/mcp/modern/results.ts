import type { RpcError, RpcRequest } from '../../../core/json-rpc.ts';
import { asFields, type Fields } from '../fields.ts';

const SERVER_INFO_KEY = 'io.modelcontextprotocol/serverInfo';
/** The annotation by which a tool has a parameter repeated in a header. */
const HEADER_KEY = 'x-mcp-header';

/** 2026-07-28, server/utilities/caching, "Cacheable Results". */
const CACHEABLE: ReadonlySet<string> = new Set([
  'server/discover',
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
  'resources/read',
]);
/** A server of an earlier revision does not say how long its answers hold, and what a session has is nobody else's. */
const CACHING = { ttlMs: 0, cacheScope: 'private' } as const;

const METHOD_NOT_FOUND = -32601;
const INVALID_PARAMS = -32602;
const INTERNAL = -32603;
/** 2025-11-25, server/resources, "Error Handling". */
const RESOURCE_NOT_FOUND = -32002;
/** 2025-11-25, client/elicitation, "URL Elicitation Required Error". */
const URL_ELICITATION_REQUIRED = -32042;

/** A result, as the newer revision has it. */
export function completeResult(method: string, result: Fields, serverInfo: object | undefined): Fields {
  return { ...result, ...completion(method, result, serverInfo) };
}

/** What a result has to have in the newer revision, as fields that are added to it, or take the place of its own. */
export function completion(method: string, result: Fields, serverInfo: object | undefined): Fields {
  return {
    ...(method === 'tools/list' ? withoutHeaders(result) : {}),
    resultType: 'complete',
    ...(CACHEABLE.has(method) ? CACHING : {}),
    ...metaOf(result, serverInfo),
  };
}

/** A result that asks the client to call again. */
export function inputRequiredResult(
  inputRequests: Fields,
  requestState: string | undefined,
  serverInfo: object | undefined,
): Fields {
  const asked = Object.keys(inputRequests).length > 0 ? { inputRequests } : {};
  const state = requestState === undefined ? {} : { requestState };
  return { resultType: 'input_required', ...asked, ...state, ...metaOf({}, serverInfo) };
}

/** 2026-07-28, basic/index, "Per-response protocol fields". */
function metaOf({ _meta }: Fields, serverInfo: object | undefined): Fields {
  return serverInfo ? { _meta: { ...asFields(_meta), [SERVER_INFO_KEY]: serverInfo } } : {};
}

/**
 * A server's error with a code that the newer revision has for it (2026-07-28, basic/index, "Error Codes"): those of earlier
 * revisions are not to be sent, and none that the specification keeps for itself.
 */
export function publicError(
  { error }: RpcError,
  { params }: RpcRequest,
): RpcError['error'] & { readonly status: number } {
  const { code, message } = error;
  if (code === METHOD_NOT_FOUND) return { ...error, status: 404 };
  if (code === RESOURCE_NOT_FOUND) {
    const uri = typeof params?.uri === 'string' ? { uri: params.uri } : {};
    return { code: INVALID_PARAMS, message, data: { ...asFields(error.data), ...uri }, status: 200 };
  }
  const isReserved = !Number.isInteger(code) || (code <= -32020 && code >= -32099);
  return { ...error, code: isReserved ? INTERNAL : code, status: 200 };
}

/** Pages that the user has to visit before the call is made again; undefined: the error says nothing of the kind. */
export function urlElicitations({ error }: RpcError): RpcRequest[] | undefined {
  const elicitations = asFields(error.data)?.elicitations;
  if (error.code !== URL_ELICITATION_REQUIRED || !Array.isArray(elicitations) || elicitations.length === 0)
    return undefined;
  return elicitations.map((entry: unknown, id) => {
    const params = { ...asFields(entry), mode: 'url' };
    return { jsonrpc: '2.0', id, method: 'elicitation/create', params };
  });
}

/**
 * Tools without the annotations by which clients repeat parameters in headers: a server of an earlier revision means nothing
 * by them, and a header that nobody asked for cannot be missing.
 */
function withoutHeaders(result: Fields): Fields {
  if (!Array.isArray(result.tools)) return {};
  const tools = result.tools.map((tool: unknown) => {
    const fields = asFields(tool);
    return fields?.inputSchema === undefined ? tool : { ...fields, inputSchema: plainSchema(fields.inputSchema) };
  });
  return { tools };
}

/** A property may have the annotation's name: then there is a schema behind it, and no text. */
function plainSchema(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(plainSchema);
  const fields = asFields(schema);
  if (!fields) return schema;
  const kept = Object.entries(fields).filter(([key, value]) => key !== HEADER_KEY || asFields(value) !== undefined);
  return Object.fromEntries(kept.map(([key, value]) => [key, plainSchema(value)]));
}
