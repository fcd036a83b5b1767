import type { RpcNotification, RpcRequest } from '../../../core/json-rpc.ts';

const LISTS = ['tools', 'prompts', 'resources'] as const;

/** What a client has told its server once and for all, so that another connection can be told the same. */
export class ClientState {
  #level: RpcRequest | undefined;
  /** By the resource's URI. */
  readonly #subscriptions = new Map<unknown, RpcRequest>();

  /** The server has agreed to this request. */
  granted(request: RpcRequest): void {
    const uri = request.params?.uri;
    if (request.method === 'logging/setLevel') this.#level = request;
    else if (request.method === 'resources/subscribe') this.#subscriptions.set(uri, request);
    else if (request.method === 'resources/unsubscribe') this.#subscriptions.delete(uri);
  }

  /** The client begins anew. */
  clear(): void {
    this.#level = undefined;
    this.#subscriptions.clear();
  }

  /** What a new connection has to be told, after its initialization. */
  get requests(): RpcRequest[] {
    return [...(this.#level ? [this.#level] : []), ...this.#subscriptions.values()];
  }

  /**
   * What the client has to be told of a new connection: everything that it has listed or read may have changed.
   * @param capabilities the server's
   */
  changes(capabilities: unknown): RpcNotification[] {
    const declared = (capabilities ?? {}) as Readonly<Record<string, { readonly listChanged?: unknown } | undefined>>;
    const lists = LISTS.filter((name) => declared[name]?.listChanged === true);
    const uris = [...this.#subscriptions.keys()];
    return [
      ...lists.map((name) => notification(`notifications/${name}/list_changed`)),
      ...uris.map((uri) => notification('notifications/resources/updated', { uri })),
    ];
  }
}

function notification(method: string, params?: Record<string, unknown>): RpcNotification {
  return { jsonrpc: '2.0', method, ...(params && { params }) };
}
