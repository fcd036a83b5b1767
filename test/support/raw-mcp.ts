import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** The body, parsed, if it is JSON. */
  readonly json: unknown;
  /** The events, if it is a stream that has ended. */
  readonly events: readonly ServerEvent[];
}
export interface ServerEvent {
  readonly id?: string;
  readonly data?: string;
  readonly retry?: string;
}

export const VERSION = '2025-11-25';
export const rpc = (id: number | string, method: string, params: object = {}) => ({
  jsonrpc: '2.0',
  id,
  method,
  params,
});
export const callTool = (id: number | string, name: string, args: object = {}) =>
  rpc(id, 'tools/call', { name, arguments: args });

/** The official clients hide what is on the wire; this shows it. */
export class RawMcp {
  readonly url: string;
  readonly token: string;
  id: string | undefined;
  version: string = VERSION;

  constructor(url: string, token: string) {
    this.url = url;
    this.token = token;
  }

  headers(more: Record<string, string | undefined> = {}): Headers {
    const headers = new Headers({
      authorization: `Bearer ${this.token}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': this.version,
    });
    if (this.id !== undefined) headers.set('mcp-session-id', this.id);
    for (const [name, value] of Object.entries(more)) {
      if (value === undefined) headers.delete(name);
      else headers.set(name, value);
    }
    return headers;
  }

  async initialize(version = VERSION, capabilities: object = {}): Promise<Answer> {
    this.id = undefined;
    const clientInfo = { name: 'raw', version: '1' };
    const answer = await this.post(rpc(0, 'initialize', { protocolVersion: version, capabilities, clientInfo }));
    this.id = answer.headers.get('mcp-session-id') ?? undefined;
    if (this.id) {
      this.version = version;
      await this.post({ jsonrpc: '2.0', method: 'notifications/initialized' });
    }
    return answer;
  }

  async send(method: string, body: unknown, more: Record<string, string | undefined> = {}): Promise<Response> {
    const text = typeof body === 'string' || body === undefined ? body : JSON.stringify(body);
    return fetch(this.url, {
      method,
      headers: this.headers(more),
      ...(text === undefined ? {} : { body: text as string }),
    });
  }

  async post(body: unknown, more: Record<string, string | undefined> = {}): Promise<Answer> {
    return answerOf(await this.send('POST', body, more));
  }
}

/** All of an answer, to the end of its stream if it is one. */
export async function answerOf(response: Response): Promise<Answer> {
  const stream = response.headers.get('content-type')?.startsWith('text/event-stream');
  const events: ServerEvent[] = [];
  if (stream) for await (const event of eventsOf(response)) events.push(event);
  const text = stream ? '' : await response.text();
  let json: unknown = text;
  try {
    json = JSON.parse(text);
  } catch {
    // shown as it is
  }
  return { status: response.status, headers: response.headers, json, events };
}

/** The events of a stream, also those without data; ends when it ends. */
export async function* eventsOf(response: Response): AsyncGenerator<ServerEvent> {
  let event: Record<string, string> = {};
  for await (const line of createInterface({ input: Readable.fromWeb(response.body as never) })) {
    if (line === '') {
      if (Object.keys(event).length > 0) yield event;
      event = {};
    }
    const [, name = '', value = ''] = /^(\w+): ?(.*)$/.exec(line) ?? [];
    if (name !== '') event[name] = value;
  }
}

/** Reads a stream until `enough`, then breaks it off as a lost connection would. */
export async function readUntil(
  response: Response,
  enough: (events: ServerEvent[]) => boolean,
): Promise<ServerEvent[]> {
  const events: ServerEvent[] = [];
  for await (const event of eventsOf(response)) {
    events.push(event);
    if (enough(events)) break;
  }
  return events;
}

/** The JSON-RPC messages among events. */
export const messagesOf = (
  events: readonly ServerEvent[],
): { id?: unknown; method?: string; result?: unknown; error?: { code: number; message: string } }[] =>
  events.filter(({ data }) => data).map(({ data }) => JSON.parse(data as string));
