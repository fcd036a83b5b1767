import { type Dispatcher, Pool } from 'undici';
import { type Answer, type Conversation, checkEcho, echoOf, INITIALIZE } from './conversation.ts';

const TIMEOUT_MS = 30_000;

/**
 * Speaks Streamable HTTP to one endpoint, without an SDK: cheap, so that the endpoint is what limits. Everything that is not
 * a good answer rejects.
 */
export class HttpClient implements AsyncDisposable {
  readonly #pool: Pool;
  readonly #path: string;
  readonly #headers: Readonly<Record<string, string>>;
  #id = 0;

  /** @param token bearer token, if the endpoint wants one */
  constructor(url: string, token?: string) {
    const { origin, pathname } = new URL(url);
    this.#pool = new Pool(origin, { pipelining: 1, headersTimeout: TIMEOUT_MS, bodyTimeout: 0 });
    this.#path = pathname;
    this.#headers = {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    };
  }

  /** A new connection, initialized. */
  async open(): Promise<HttpConversation> {
    const { headers, text } = await this.send('POST', {}, this.message('initialize', INITIALIZE));
    if (!text.includes('"serverInfo"')) throw new Error(`initialize: ${text}`);
    const conversation = new HttpConversation(this, String(headers['mcp-session-id']));
    await conversation.notify('notifications/initialized');
    return conversation;
  }

  message(method: string, params: object): string {
    this.#id += 1;
    return JSON.stringify({ jsonrpc: '2.0', id: this.#id, method, params });
  }

  /** One exchange, to its end. */
  async send(method: 'POST' | 'DELETE', extra: Record<string, string>, body: string | null) {
    const { headers, body: stream } = await this.#request(method, extra, body);
    return { headers, text: await stream.text() };
  }

  /** A GET stream: resolves when it is open. */
  async stream(extra: Record<string, string>): Promise<void> {
    const { body } = await this.#request('GET', extra, null);
    body.on('error', () => {}).resume();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.destroy();
  }

  async #request(method: 'POST' | 'GET' | 'DELETE', extra: Record<string, string>, body: string | null) {
    const headers = { ...this.#headers, ...extra };
    const answer: Dispatcher.ResponseData = await this.#pool.request({ method, path: this.#path, headers, body });
    if (answer.statusCode >= 300) throw new Error(`HTTP ${answer.statusCode}: ${await answer.body.text()}`);
    return answer;
  }
}

/** One connection, by its `Mcp-Session-Id`. */
export class HttpConversation implements Conversation {
  readonly #client: HttpClient;
  readonly #headers: Record<string, string>;

  constructor(client: HttpClient, id: string) {
    this.#client = client;
    this.#headers = { 'mcp-session-id': id, 'mcp-protocol-version': INITIALIZE.protocolVersion };
  }

  async echo(text: string): Promise<void> {
    checkEcho(JSON.parse(await this.request('tools/call', echoOf(text))) as Answer, text);
  }

  /** The answer, JSON. */
  async request(method: string, params: object = {}): Promise<string> {
    const { headers, text } = await this.#client.send('POST', this.#headers, this.#client.message(method, params));
    if (!String(headers['content-type']).startsWith('text/event-stream')) return text;
    // One event has the answer; the others, if any, have no data.
    return /^data: ?(\{.*)$/m.exec(text)?.[1] ?? '{}';
  }

  async notify(method: string): Promise<void> {
    await this.#client.send('POST', this.#headers, JSON.stringify({ jsonrpc: '2.0', method }));
  }

  /** Opens the GET stream. */
  listen(): Promise<void> {
    return this.#client.stream(this.#headers);
  }

  async close(): Promise<void> {
    await this.#client.send('DELETE', this.#headers, null);
  }
}
