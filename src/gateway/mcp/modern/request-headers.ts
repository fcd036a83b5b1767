import { AppError } from '../../../core/errors.ts';
import type { RpcRequest } from '../../../core/json-rpc.ts';
import { asFields } from '../fields.ts';
import { MODERN_VERSIONS, VERSION_KEY, VERSIONS } from '../versions.ts';

/** The parameter that `Mcp-Name` repeats, by method. */
const NAMES: ReadonlyMap<string, 'name' | 'uri'> = new Map([
  ['tools/call', 'name'],
  ['prompts/get', 'name'],
  ['resources/read', 'uri'],
]);
/** RFC 9110, section 5.5: visible ASCII, space and tab. */
const PLAIN = /^[\t\x20-\x7e]*$/;
const ENCODED = /^=\?base64\?(.*)\?=$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** By name in lower case. One that was given several times is a list of values. */
type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

/**
 * Checks that the headers say what the body says, so that whoever routes by headers and whoever reads the body see the same
 * request (2026-07-28, basic/transports/streamable-http, "Server Validation"), and that the revision is spoken here.
 * @throws AppError `header.mismatch`, `version.unsupported`
 */
export function checkHeaders(headers: Headers, { method, params }: RpcRequest): void {
  const version = header(headers, 'MCP-Protocol-Version');
  const said = asFields(params?._meta)?.[VERSION_KEY];
  if (said !== undefined && said !== version) throw mismatch('MCP-Protocol-Version', version, said);
  if (!(MODERN_VERSIONS as readonly string[]).includes(version)) throw unsupported(version);
  const named = header(headers, 'Mcp-Method');
  if (named !== method) throw mismatch('Mcp-Method', named, method);
  const source = NAMES.get(method);
  if (source) checkName(only(headers, 'Mcp-Name'), params?.[source]);
}

/** A name that is missing in both is for the server to refuse. */
function checkName(text: string | undefined, name: unknown): void {
  if (text === undefined && typeof name !== 'string') return;
  if (text === undefined) throw new AppError('header.mismatch', 'The header Mcp-Name is missing');
  const value = decoded(text);
  if (value !== name) throw mismatch('Mcp-Name', value, name);
}

/** The value of a header in which what is not plain is in base64 (2026-07-28, "Value Encoding"). */
function decoded(text: string): string {
  if (!PLAIN.test(text)) throw new AppError('header.mismatch', 'Mcp-Name has characters that need base64');
  const [encoded, base64 = ''] = ENCODED.exec(text) ?? [];
  if (encoded === undefined) return text;
  try {
    if (BASE64.test(base64)) return UTF8.decode(Buffer.from(base64, 'base64'));
  } catch {
    // not UTF-8
  }
  throw new AppError('header.mismatch', 'Mcp-Name is not the base64 of a UTF-8 text');
}

/** Of several values others might read another one than is read here. */
function only(headers: Headers, name: string): string | undefined {
  const value = headers[name.toLowerCase()];
  if (value === undefined || typeof value === 'string') return value;
  if (value.length > 1) throw new AppError('header.mismatch', `The header ${name} was given more than once`);
  return value[0];
}

function header(headers: Headers, name: string): string {
  const value = only(headers, name);
  if (value === undefined) throw new AppError('header.mismatch', `The header ${name} is missing`);
  return value;
}

function mismatch(name: string, value: string, said: unknown): AppError {
  const short = (text: unknown) => String(JSON.stringify(text)).slice(0, 100);
  return new AppError('header.mismatch', `${name} is ${short(value)}, but the body says ${short(said)}`);
}

function unsupported(requested: string): AppError {
  const supported = [...MODERN_VERSIONS, ...VERSIONS];
  return new AppError(
    'version.unsupported',
    `Unsupported protocol version: here it is one of ${supported.join(', ')}`,
    {
      data: { supported, requested },
    },
  );
}
