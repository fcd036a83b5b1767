import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { FakeManager, Handler, Seen } from './fake-manager.ts';
import type { MessageHandler } from './fake-mcp.ts';
import { reply, resultOf, stream } from './fake-mcp.ts';

const VERSION = 'io.modelcontextprotocol/protocolVersion';
const SUBSCRIPTION_ID = 'io.modelcontextprotocol/subscriptionId';

/** One event of a modern stream: it has no id, since nothing can be resumed. */
export const modernEvent = (message: object): string => `data: ${JSON.stringify(message)}\n\n`;

/** What a subscription begins with. */
export const acknowledged = (id: unknown, notifications: object) => ({
  jsonrpc: '2.0',
  method: 'notifications/subscriptions/acknowledged',
  params: { _meta: { [SUBSCRIPTION_ID]: id }, notifications },
});

/** A change that a subscription tells of. */
export const changed = (id: unknown, method: string, params: object = {}) => ({
  jsonrpc: '2.0',
  method,
  params: { ...params, _meta: { [SUBSCRIPTION_ID]: id } },
});

/** The data plane of a `FakeManager` for 2026-07-28: as strict about its headers as that revision demands. */
export class ModernMcp {
  readonly #handlers = new Map<string, MessageHandler>();
  readonly #times = new Map<string, number>();
  /** Ids of requests whose answers the client did not wait for. */
  readonly abandoned: unknown[] = [];
  /** Subscriptions that are open, or were. */
  readonly subscriptions: ServerResponse[] = [];

  /** @param legacy serves what says no revision, so that both eras are there */
  constructor(manager: FakeManager, legacy?: Handler) {
    manager.onMcp = (seen, response) => {
      if (legacy && seen.body?.params?._meta?.[VERSION] === undefined) legacy(seen, response);
      else this.#serve(seen, response);
    };
  }

  /** Says how messages of `method` are answered. */
  on(method: string, handler: MessageHandler): this {
    this.#handlers.set(method, handler);
    return this;
  }

  #serve(seen: Seen, response: ServerResponse): void {
    const { body } = seen;
    const problem = mismatch(seen);
    if (problem) {
      reply(response, { jsonrpc: '2.0', id: body?.id ?? null, error: { code: -32020, message: problem } }, 400);
      return;
    }
    response.on('close', () => {
      if (!response.writableFinished) this.abandoned.push(body.id);
    });
    const times = (this.#times.get(body.method) ?? 0) + 1;
    this.#times.set(body.method, times);
    const handler = this.#handlers.get(body.method) ?? this.#defaults[body.method];
    if (handler) handler(seen, response, times);
    else reply(response, { jsonrpc: '2.0', id: body.id, error: { code: -32601, message: 'no such method' } }, 404);
  }

  readonly #defaults: Record<string, MessageHandler> = {
    'server/discover': ({ body }, response) => {
      const result = { resultType: 'complete', supportedVersions: ['2026-07-28'], capabilities: { tools: {} } };
      reply(response, resultOf(body.id, { ...result, ttlMs: 0, cacheScope: 'private' }));
    },
    'tools/call': ({ body }, response) => reply(response, resultOf(body.id, { resultType: 'complete', content: [] })),
    'prompts/get': ({ body }, response) => reply(response, resultOf(body.id, { resultType: 'complete', messages: [] })),
    'resources/read': ({ body }, response) =>
      reply(response, resultOf(body.id, { resultType: 'complete', contents: [] })),
    'subscriptions/listen': ({ body }, response) => {
      stream(response, modernEvent(acknowledged(body.id, body.params.notifications)));
      this.subscriptions.push(response);
    },
  };
}

/** What the headers say that the body does not; undefined: nothing. */
function mismatch({ method, headers, body }: Seen): string | undefined {
  const named = body?.method === 'resources/read' ? body.params.uri : body?.params?.name;
  if (method !== 'POST') return `there is no ${method}`;
  if (headers['mcp-session-id'] !== undefined) return 'Mcp-Session-Id';
  if (headers['mcp-protocol-version'] !== body.params?._meta?.[VERSION]) return 'MCP-Protocol-Version';
  if (headers['mcp-method'] !== body.method) return 'Mcp-Method';
  if (decodedName(headers) !== named) return 'Mcp-Name';
  return undefined;
}

function decodedName(headers: IncomingHttpHeaders): string | undefined {
  const value = headers['mcp-name'];
  const encoded = /^=\?base64\?(.*)\?=$/.exec(String(value))?.[1];
  return encoded === undefined ? (value as string | undefined) : Buffer.from(encoded, 'base64').toString();
}
