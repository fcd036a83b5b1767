import { type Answer, answerOf, messagesOf } from '../support/raw-mcp.ts';

export const MODERN = '2026-07-28';

const NAMED: Readonly<Record<string, string>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
};

/** What a client says of itself, with more of `_meta`. */
export const meta = (capabilities: object = {}, more: object = {}) => ({
  'io.modelcontextprotocol/protocolVersion': MODERN,
  'io.modelcontextprotocol/clientInfo': { name: 'raw', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': capabilities,
  ...more,
});

/** A result as clients of the newer revision get it. */
export interface ModernResult {
  readonly resultType?: string;
  readonly requestState?: string;
  readonly inputRequests?: Readonly<Record<string, { readonly method: string; readonly params?: object }>>;
  readonly content?: readonly { readonly text: string }[];
  readonly [field: string]: unknown;
}
export interface ModernMessage {
  readonly id?: unknown;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: ModernResult;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: Record<string, unknown> };
}

/** A client of 2026-07-28 that shows what is on the wire. */
export class ModernMcp {
  readonly url: string;
  readonly token: string;
  readonly #capabilities: object;
  #id = 0;

  constructor(url: string, token: string, capabilities: object = {}) {
    this.url = url;
    this.token = token;
    this.#capabilities = capabilities;
  }

  headers(method: string, params: Readonly<Record<string, unknown>>, more: Record<string, string | undefined> = {}) {
    const headers = new Headers({
      authorization: `Bearer ${this.token}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': MODERN,
      'mcp-method': method,
    });
    const name = params[NAMED[method] ?? ''];
    if (typeof name === 'string') headers.set('mcp-name', name);
    for (const [header, value] of Object.entries(more)) {
      if (value === undefined) headers.delete(header);
      else headers.set(header, value);
    }
    return headers;
  }

  /** Sends a request; the answer may be a stream that goes on. */
  async send(
    method: string,
    params: Readonly<Record<string, unknown>> = {},
    { headers = {}, signal }: { headers?: Record<string, string | undefined>; signal?: AbortSignal } = {},
  ): Promise<Response> {
    const body = { jsonrpc: '2.0', id: ++this.#id, method, params: { _meta: meta(this.#capabilities), ...params } };
    return fetch(this.url, {
      method: 'POST',
      headers: this.headers(method, params, headers),
      body: JSON.stringify(body),
      ...(signal ? { signal } : {}),
    });
  }

  /** All messages of an answer; the last one is the response. */
  async post(
    method: string,
    params: Readonly<Record<string, unknown>> = {},
    headers: Record<string, string | undefined> = {},
  ): Promise<Answer & { readonly messages: readonly ModernMessage[]; readonly response: ModernMessage }> {
    const answer = await answerOf(await this.send(method, params, { headers }));
    const messages = (answer.events.length > 0 ? messagesOf(answer.events) : [answer.json]) as ModernMessage[];
    return { ...answer, messages, response: messages.at(-1) as ModernMessage };
  }

  /** A tool's result. @throws Error what was answered instead */
  async call(name: string, args: object = {}, more: object = {}): Promise<ModernResult> {
    const { response } = await this.post('tools/call', { name, arguments: args, ...more });
    if (!response?.result) throw new Error(JSON.stringify(response));
    return response.result;
  }
}

export const textIn = (result: ModernResult): string => (result.content ?? []).map(({ text }) => text).join('');
