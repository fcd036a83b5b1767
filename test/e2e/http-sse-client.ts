import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { eventually } from '../support/eventually.ts';
import { rpc } from '../support/raw-mcp.ts';

interface SseEvent {
  readonly id?: string;
  readonly event?: string;
  readonly data?: string;
  readonly retry?: string;
}
export interface SseMessage {
  readonly id?: string | number;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly code: number; readonly message: string };
}

/** One stream of HTTP+SSE, and the POSTs that belong to it: what the official clients hide. */
export class RawSse implements Disposable {
  readonly response: Response;
  readonly events: SseEvent[] = [];
  /** All lines, comments included. */
  readonly lines: string[] = [];
  readonly token: string;
  readonly #url: string;
  readonly #stop: AbortController;
  ended = false;

  private constructor(url: string, token: string, response: Response, stop: AbortController) {
    this.#url = url;
    this.token = token;
    this.response = response;
    this.#stop = stop;
    void this.#read();
  }

  /** @param url of the stream, `.../sse` or `.../sse/{server}` */
  static async open(url: string, token: string, lastEventId?: string): Promise<RawSse> {
    const stop = new AbortController();
    const headers = {
      accept: 'text/event-stream',
      authorization: `Bearer ${token}`,
      ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
    };
    const response = await fetch(url, { headers, signal: stop.signal });
    const opened = new RawSse(url, token, response, stop);
    if (response.ok) await eventually('the endpoint came', async () => opened.endpoint !== undefined);
    return opened;
  }

  get endpoint(): string | undefined {
    return this.events.find(({ event }) => event === 'endpoint')?.data;
  }

  get messages(): SseMessage[] {
    return this.events
      .filter(({ event }) => event === 'message')
      .map(({ data = '' }) => JSON.parse(data) as SseMessage);
  }

  get lastEventId(): string | undefined {
    return this.events.findLast(({ id }) => id !== undefined)?.id;
  }

  /** @param base of the replica that gets it; absent: the one that has the stream */
  post(message: object | string, base = this.#url, endpoint = this.endpoint ?? ''): Promise<Response> {
    return fetch(new URL(endpoint, base), {
      method: 'POST',
      headers: { authorization: `Bearer ${this.token}`, 'content-type': 'application/json' },
      body: typeof message === 'string' ? message : JSON.stringify(message),
    });
  }

  /** Posts a request and waits for its answer on the stream. */
  async ask(message: { readonly id: string | number }, base?: string): Promise<SseMessage> {
    const { status } = await this.post(message, base);
    if (status !== 202) throw new Error(`answered with ${status}`);
    return this.answer(message.id);
  }

  answer(id: string | number): Promise<SseMessage> {
    return eventually(`the answer to ${id} came`, async () =>
      this.messages.find((message) => message.id === id && message.method === undefined),
    );
  }

  async initialize(protocolVersion = '2024-11-05', base?: string): Promise<SseMessage> {
    const clientInfo = { name: 'raw', version: '1' };
    const params = { protocolVersion, capabilities: { roots: {} }, clientInfo };
    const answer = await this.ask(rpc('init', 'initialize', params), base);
    await this.post({ jsonrpc: '2.0', method: 'notifications/initialized' }, base);
    return answer;
  }

  /** Resolves when the other side has ended it, or has gone. */
  end(): Promise<boolean> {
    return eventually('the stream has ended', async () => this.ended);
  }

  /** Breaks it off. */
  [Symbol.dispose](): void {
    this.#stop.abort();
  }

  async #read(): Promise<void> {
    let event: Record<string, string> = {};
    try {
      for await (const line of createInterface({ input: Readable.fromWeb(this.response.body as never) })) {
        this.lines.push(line);
        const [, name = '', value = ''] = /^(\w+): ?(.*)$/.exec(line) ?? [];
        if (name !== '') event[name] = value;
        if (line === '' && Object.keys(event).length > 0) {
          this.events.push(event);
          event = {};
        }
      }
    } catch {
      // broken off, here or there
    }
    this.ended = true;
  }
}
