import type { ServerResponse } from 'node:http';
import type { FakeManager, Handler, Seen } from './fake-manager.ts';

/** Answers a message at `/mcp` the way a test wants it. */
export type MessageHandler = (seen: Seen, response: ServerResponse, times: number) => void;

/** The data plane of a `FakeManager`: connections, and whatever the test says about each method. */
export class FakeMcp {
  readonly #handlers = new Map<string, MessageHandler>();
  readonly #times = new Map<string, number>();
  /** Connections that are alive. */
  readonly connections = new Set<string>();
  /** GET streams without `Last-Event-ID` of a request that are open now. */
  readonly streams: ServerResponse[] = [];
  #made = 0;

  constructor(manager: FakeManager) {
    manager.onMcp = this.#serve;
  }

  /** Says how requests and notifications of `method` are answered; `GET` for streams. */
  on(method: string, handler: MessageHandler): this {
    this.#handlers.set(method, handler);
    return this;
  }

  readonly #serve: Handler = (seen, response) => {
    const connection = String(seen.headers['mcp-session-id'] ?? '');
    const method: string = seen.method === 'POST' ? (seen.body.method ?? 'response') : seen.method;
    if (method !== 'initialize' && !this.connections.has(connection)) {
      reply(response, { jsonrpc: '2.0', id: seen.body?.id ?? null, error: { code: -32001, message: 'over' } }, 404);
      return;
    }
    const times = (this.#times.get(method) ?? 0) + 1;
    this.#times.set(method, times);
    const handler = this.#handlers.get(method) ?? this.#defaults[method] ?? accept;
    handler(seen, response, times);
  };

  readonly #defaults: Record<string, MessageHandler> = {
    initialize: ({ body }, response) => {
      this.#made += 1;
      const id = `connection-${this.#made}`;
      this.connections.add(id);
      response.setHeader('mcp-session-id', id);
      const { protocolVersion } = body.params;
      const result = { protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'fake', version: '1' } };
      reply(response, { jsonrpc: '2.0', id: body.id, result });
    },
    'tools/list': ({ body }, response) => reply(response, resultOf(body.id, { tools: [] })),
    'tools/call': ({ body }, response) => reply(response, resultOf(body.id, { content: [] })),
    GET: (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
      this.streams.push(response);
    },
    DELETE: ({ headers }, response) => {
      this.connections.delete(String(headers['mcp-session-id']));
      response.writeHead(204).end();
    },
  };
}

const accept: MessageHandler = (_, response) => void response.writeHead(202).end();

/** The answer to request `id`. */
export const resultOf = (id: unknown, result: object) => ({ jsonrpc: '2.0', id, result });

/** Answers with one JSON body. */
export function reply(response: ServerResponse, message: object, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(message));
}

/** Begins an event stream; the text is sent as it is. */
export function stream(response: ServerResponse, text: string): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(text);
}

/** One event. */
export const event = (id: string, message: object): string => `id: ${id}\ndata: ${JSON.stringify(message)}\n\n`;
