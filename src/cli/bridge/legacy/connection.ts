import { randomUUID } from 'node:crypto';
import type { RpcMessage, RpcRequest } from '../../../core/json-rpc.ts';
import { isResponse } from '../../../core/json-rpc.ts';
import type { BridgeContext } from '../context.ts';
import { Exchange } from '../exchange.ts';
import { GatewayError } from '../failure.ts';
import type { HttpAnswer } from '../mcp-http.ts';
import { ClientState } from './client-state.ts';
import { LegacyMessage, type Links } from './legacy-message.ts';
import type { Link } from './link.ts';

/** Holds the client's MCP connection, and makes it again, once for all who ask at the same time. */
export class Connection implements Links {
  readonly state = new ClientState();
  readonly #context: BridgeContext;
  readonly #opened: (link: Link) => void;
  #link: Link = {};
  #reconnecting: Promise<void> | undefined;
  /** The client's `initialize`, replayed for a new connection. */
  #initialize: RpcRequest | undefined;

  /** @param opened called when a connection has been made anew and is initialized */
  constructor(context: BridgeContext, opened: (link: Link) => void) {
    this.#context = context;
    this.#opened = opened;
  }

  /** What messages are sent with. */
  get link(): Link {
    return this.#link;
  }

  async current(): Promise<Link> {
    await this.#reconnecting;
    return this.#link;
  }

  async reconnect(link: Link, token: string): Promise<void> {
    if (this.#link.connection !== link.connection) return;
    this.#reconnecting ??= this.#reconnect(token).finally(() => {
      this.#reconnecting = undefined;
    });
    await this.#reconnecting;
  }

  /** The client initializes: its next messages go without a connection until this is answered. */
  begin(initialize: RpcRequest): void {
    this.#initialize = initialize;
    this.#link = {};
    this.state.clear();
  }

  /** The answer to the client's `initialize`. */
  initialized(answer: RpcMessage, head: HttpAnswer): void {
    this.#link = linkOf(answer, head) ?? this.#link;
  }

  /** Replays what the client has said; the answers are the server's, and the client has those already. */
  async #reconnect(token: string): Promise<void> {
    if (!this.#initialize) return;
    this.#context.token.refuse(token); // the session may be over, too
    let link: Link = {};
    let capabilities: unknown;
    const links: Links = {
      current: async () => link,
      reconnect: async (_, refused) => this.#context.token.refuse(refused),
    };
    await this.#replay(links, this.#initialize, async (answer, _, head) => {
      if (!isResponse(answer)) return;
      if ('error' in answer) throw new GatewayError(answer.error.code, answer.error.message, answer.error.data);
      capabilities = answer.result.capabilities;
      link = linkOf(answer, head) ?? link;
    });
    await this.#replay(links, { jsonrpc: '2.0', method: 'notifications/initialized' });
    for (const request of this.state.requests) await this.#replay(links, request);
    this.#link = link;
    this.#opened(link);
    for (const change of this.state.changes(capabilities)) await this.#context.write(JSON.stringify(change));
  }

  #replay(links: Links, message: RpcMessage, deliver: LegacyMessage['deliver'] = async () => {}): Promise<void> {
    const again = 'id' in message ? { ...message, id: `replay-${randomUUID()}` } : message;
    const out = new LegacyMessage(this.#context, links, again, JSON.stringify(again), deliver);
    return new Exchange(out, this.#context.patience(), this.#context.stopped).run();
  }
}

/** The connection that this answer to `initialize` makes; undefined for any other message. */
function linkOf(answer: RpcMessage, { headers }: HttpAnswer): Link | undefined {
  if (!isResponse(answer) || !('result' in answer)) return undefined;
  const connection = headers['mcp-session-id'];
  const version = answer.result.protocolVersion;
  return {
    ...(typeof connection === 'string' && { connection }),
    ...(typeof version === 'string' && { version }),
  };
}
