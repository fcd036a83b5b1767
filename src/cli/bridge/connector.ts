import { randomUUID } from 'node:crypto';
import type { RpcMessage, RpcRequest } from '../../core/json-rpc.ts';
import { isResponse } from '../../core/json-rpc.ts';
import type { Links, Outgoing } from './exchange.ts';
import { GatewayError } from './failure.ts';
import type { HttpAnswer, Link } from './mcp-http.ts';

export interface ConnectorOptions {
  readonly token: () => Promise<string>;
  readonly exchange: (links: Links, out: Outgoing) => Promise<void>;
  /** Called when a connection has been made anew and is initialized. */
  readonly connected: (link: Link) => void;
}

/** Holds the token and the MCP connection, and makes both again, once for all who ask at the same time. */
export class Connector implements Links {
  readonly #options: ConnectorOptions;
  #link: Link | undefined;
  #opening: Promise<Link> | undefined;
  #renewing: Promise<void> | undefined;
  #reconnecting: Promise<void> | undefined;
  /** The client's `initialize`, replayed for a new connection. */
  #initialize: RpcRequest | undefined;

  constructor(options: ConnectorOptions) {
    this.#options = options;
  }

  /** What requests are sent with; undefined before the first. */
  get link(): Link | undefined {
    return this.#link;
  }

  async current(): Promise<Link> {
    await this.#reconnecting;
    if (this.#link) return this.#link;
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async renew(link: Link): Promise<void> {
    if (this.#link?.token !== link.token) return;
    this.#renewing ??= this.#renew().finally(() => {
      this.#renewing = undefined;
    });
    await this.#renewing;
  }

  async reconnect(link: Link): Promise<void> {
    if (this.#link?.connection !== link.connection) return;
    this.#reconnecting ??= this.#reconnect().finally(() => {
      this.#reconnecting = undefined;
    });
    await this.#reconnecting;
  }

  /** `out`, the client's `initialize`: its answer makes the connection. */
  initializing(message: RpcRequest, out: Outgoing): Outgoing {
    this.#initialize = message;
    this.#link = this.#link && { token: this.#link.token };
    const deliver: Outgoing['deliver'] = async (answer, text, head) => {
      const link = connectedBy(answer, head);
      if (link && this.#link) this.#link = { ...this.#link, ...link };
      await out.deliver(answer, text, head);
    };
    return { ...out, deliver };
  }

  async #open(): Promise<Link> {
    this.#link = { token: await this.#options.token() };
    return this.#link;
  }

  async #renew(): Promise<void> {
    const token = await this.#options.token();
    this.#link = { ...this.#link, token };
  }

  /** Replays `initialize`; the answer is the server's, and the client has one already. */
  async #reconnect(): Promise<void> {
    if (!this.#initialize) return;
    let link: Link = { token: await this.#options.token() };
    const links: Links = {
      current: async () => link,
      renew: async () => {
        link = { token: await this.#options.token() };
      },
      reconnect: async () => {},
    };
    const replay = (message: RpcMessage, deliver: Outgoing['deliver']) =>
      this.#options.exchange(links, { message, text: JSON.stringify(message), key: randomUUID(), deliver });
    await replay({ ...this.#initialize, id: `replay-${randomUUID()}` }, async (answer, _, head) => {
      if (isResponse(answer) && 'error' in answer) throw new GatewayError(answer.error.code, answer.error.message);
      link = { ...link, ...connectedBy(answer, head) };
    });
    await replay({ jsonrpc: '2.0', method: 'notifications/initialized' }, async () => {});
    this.#link = link;
    this.#options.connected(link);
  }
}

/** The connection that `answer` to `initialize` makes; undefined for any other message. */
function connectedBy(answer: RpcMessage, { headers }: HttpAnswer): Omit<Link, 'token'> | undefined {
  if (!isResponse(answer) || !('result' in answer)) return undefined;
  const connection = headers['mcp-session-id'];
  const version = answer.result.protocolVersion;
  return {
    ...(typeof connection === 'string' && { connection }),
    ...(typeof version === 'string' && { version }),
  };
}
