import { type Answer, answerOf, rpc } from './raw-mcp.ts';

export const MODERN_VERSION = '2026-07-28';
const PREFIX = 'io.modelcontextprotocol';
/** The parameter that the header `Mcp-Name` repeats. */
const NAMED: Readonly<Record<string, string>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
};

export interface ModernRequest {
  readonly jsonrpc: '2.0';
  readonly id: number | string;
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>> & { readonly _meta: Readonly<Record<string, unknown>> };
}

/** A client of revision 2026-07-28 as it is on the wire: no session, all that it says of itself in each request. */
export class RawModern {
  readonly url: string;
  readonly token: string;
  capabilities: object = {};

  constructor(url: string, token: string) {
    this.url = url;
    this.token = token;
  }

  /** A request with everything that one must have. */
  request(id: number | string, method: string, params: object = {}, meta: object = {}): ModernRequest {
    const _meta = {
      [`${PREFIX}/protocolVersion`]: MODERN_VERSION,
      [`${PREFIX}/clientInfo`]: { name: 'raw', version: '1' },
      [`${PREFIX}/clientCapabilities`]: this.capabilities,
      ...meta,
    };
    return rpc(id, method, { ...params, _meta }) as unknown as ModernRequest;
  }

  call(id: number | string, name: string, args: object = {}, meta: object = {}): ModernRequest {
    return this.request(id, 'tools/call', { name, arguments: args }, meta);
  }

  /** The headers that repeat what a request says, changed by `more`; undefined: without this one. */
  headers({ method, params }: ModernRequest, more: Readonly<Record<string, string | undefined>> = {}): Headers {
    const name = params[NAMED[method] ?? ''];
    const headers = new Headers({
      authorization: `Bearer ${this.token}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': MODERN_VERSION,
      'mcp-method': method,
      ...(typeof name === 'string' ? { 'mcp-name': name } : {}),
    });
    for (const [key, value] of Object.entries(more)) {
      if (value === undefined) headers.delete(key);
      else headers.set(key, value);
    }
    return headers;
  }

  send(request: ModernRequest, more?: Readonly<Record<string, string | undefined>>): Promise<Response> {
    return fetch(this.url, { method: 'POST', headers: this.headers(request, more), body: JSON.stringify(request) });
  }

  async post(request: ModernRequest, more?: Readonly<Record<string, string | undefined>>): Promise<Answer> {
    return answerOf(await this.send(request, more));
  }
}
