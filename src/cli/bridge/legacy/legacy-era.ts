import { messageOf } from '../../../core/errors.ts';
import type { RpcMessage, RpcNotification, RpcRequest } from '../../../core/json-rpc.ts';
import { isRequest, isResponse } from '../../../core/json-rpc.ts';
import { Calls } from '../calls.ts';
import type { BridgeContext } from '../context.ts';
import type { Outgoing } from '../exchange.ts';
import { Exchange } from '../exchange.ts';
import { messagesIn } from '../messages.ts';
import { Connection } from './connection.ts';
import { LegacyMessage } from './legacy-message.ts';
import type { Link } from './link.ts';
import { headersOf } from './link.ts';
import { listen } from './listener.ts';
import { toClient, toGateway } from './revision.ts';

const DELETE_MS = 2_000;

/**
 * Clients that begin with `initialize`, 2024-11-05 to 2025-11-25: one MCP connection, and a stream for what belongs to no
 * request. Requests run side by side; what has no answer keeps its order.
 */
export class LegacyEra {
  readonly #context: BridgeContext;
  readonly #connection: Connection;
  readonly #calls: Calls;
  /** Settles when everything that keeps its order has been taken. */
  #ordered: Promise<void> = Promise.resolve();
  #listening = new AbortController();

  constructor(context: BridgeContext) {
    this.#context = context;
    this.#connection = new Connection(context, (link) => this.#listen(link));
    this.#calls = new Calls(context.write, context.stopped);
  }

  /** @param text the message, JSON in one line */
  async accept(message: RpcMessage, text: string): Promise<void> {
    const before = this.#ordered;
    if (isRequest(message) && message.method !== 'initialize') return this.#call(message, text, before);
    const done = isRequest(message) ? this.#initialize(message, text, before) : this.#tell(message, text, before);
    this.#ordered = done.catch(() => {});
    return done;
  }

  /** Ends the request that this `notifications/cancelled` names, here and in the server. */
  async cancel(notification: RpcNotification, text: string): Promise<void> {
    if (this.#calls.cancel(notification)) await this.accept(notification, text);
  }

  /** Ends the connection. */
  async close(): Promise<void> {
    this.#listening.abort();
    const { http, token } = this.#context;
    const { link } = this.#connection;
    if (link.connection === undefined || token.value === undefined) return;
    const signal = AbortSignal.timeout(DELETE_MS);
    const head = { token: token.value, headers: headersOf(link), timeoutMs: DELETE_MS, signal };
    await http.remove(head).catch(() => {});
  }

  #initialize(message: RpcRequest, text: string, before: Promise<void>): Promise<void> {
    return this.#calls.run(message.id, async (signal) => {
      await before;
      const initialize = toGateway(message);
      this.#connection.begin(initialize);
      const asked = initialize === message ? text : JSON.stringify(initialize);
      await this.#exchange(initialize, asked, signal, async (answer, json, head) => {
        this.#connection.initialized(answer, head);
        const own = toClient(message, answer);
        await this.#context.write(own === answer ? json : JSON.stringify(own));
      });
    });
  }

  #call(message: RpcRequest, text: string, before: Promise<void>): Promise<void> {
    return this.#calls.run(message.id, async (signal) => {
      await before;
      await this.#exchange(message, text, signal, async (answer, json) => {
        if (isResponse(answer) && 'result' in answer) this.#connection.state.granted(message);
        await this.#context.write(json);
      });
    });
  }

  /** A notification, or the client's answer to a request of the server. */
  async #tell(message: RpcMessage, text: string, before: Promise<void>): Promise<void> {
    await before;
    await this.#exchange(message, text, this.#context.stopped, async () => {});
    const isInitialized = 'method' in message && message.method === 'notifications/initialized';
    if (isInitialized) this.#listen(this.#connection.link);
  }

  #exchange(message: RpcMessage, text: string, signal: AbortSignal, deliver: Outgoing['deliver']): Promise<void> {
    const out = new LegacyMessage(this.#context, this.#connection, message, text, deliver);
    return new Exchange(out, this.#context.patience(), signal).run();
  }

  /** Opens the stream of server messages for `link`, instead of the one before. */
  #listen(link: Link): void {
    this.#listening.abort();
    const listening = new AbortController();
    this.#listening = listening;
    const { signal } = listening;
    listen(this.#context, link, signal, (text) => this.#pass(text)).catch((error) => {
      if (!signal.aborted) this.#context.warn(messageOf(error));
    });
  }

  /** Passes on what came on the stream: an answer would be one to a request that it does not belong to. */
  async #pass(event: string): Promise<void> {
    for (const { message, text } of messagesIn(event)) if (!isResponse(message)) await this.#context.write(text);
  }
}
