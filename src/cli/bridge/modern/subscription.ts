import { randomUUID } from 'node:crypto';
import type { RpcMessage, RpcNotification, RpcRequest, RpcResult } from '../../../core/json-rpc.ts';
import { isNotification } from '../../../core/json-rpc.ts';
import type { BridgeContext } from '../context.ts';
import type { Attempt, Outgoing } from '../exchange.ts';
import type { HttpAnswer } from '../mcp-http.ts';
import { headersOf, SUBSCRIPTION_ID } from './metadata.ts';

const ACKNOWLEDGED = 'notifications/subscriptions/acknowledged';
/** What is sent for each flag of a filter. */
const LIST_CHANGED: Readonly<Record<string, string>> = {
  toolsListChanged: 'notifications/tools/list_changed',
  promptsListChanged: 'notifications/prompts/list_changed',
  resourcesListChanged: 'notifications/resources/list_changed',
};

/**
 * One `subscriptions/listen` (2026-07-28, basic/patterns/subscriptions): a stream that is opened again whenever it breaks
 * or its gateway ends. The client hears of that only as changes of all that it listens for, since some may have been missed.
 */
export class Subscription implements Outgoing {
  readonly message: RpcRequest;
  readonly resumable = false;
  readonly lasting = true;
  readonly #context: BridgeContext;
  readonly #text: string;
  #token = '';
  #isAcknowledged = false;

  /** @param text the request, JSON in one line */
  constructor(context: BridgeContext, message: RpcRequest, text: string) {
    this.#context = context;
    this.message = message;
    this.#text = text;
  }

  /** How long to try, milliseconds: a client that has its acknowledgement relies on it. */
  get limitMs(): number {
    return this.#isAcknowledged ? Number.POSITIVE_INFINITY : this.#context.timeoutMs;
  }

  /** The answer to a subscription that ends with this bridge. */
  get completion(): RpcResult {
    const { id } = this.message;
    return { jsonrpc: '2.0', id, result: { resultType: 'complete', _meta: { [SUBSCRIPTION_ID]: id } } };
  }

  async send({ signal }: Attempt): Promise<HttpAnswer> {
    const { http, token, timeoutMs } = this.#context;
    // A key of its own each time: it is another stream, not the rest of the one before.
    const headers = { ...headersOf(this.message), 'idempotency-key': randomUUID() };
    // Once it was open, only the client's next message gets another session: one that its owner has ended stays so.
    this.#token = this.#isAcknowledged ? await token.available(signal) : await token.current(signal);
    return http.post(this.#text, { token: this.#token, headers, timeoutMs, signal });
  }

  async repair(): Promise<void> {
    this.#context.token.refuse(this.#token);
  }

  async deliver(message: RpcMessage, text: string): Promise<void> {
    if (!isNotification(message) || message.method !== ACKNOWLEDGED || !this.#isAcknowledged) {
      this.#isAcknowledged ||= isNotification(message) && message.method === ACKNOWLEDGED;
      await this.#context.write(text);
      return;
    }
    for (const change of this.#changes(message.params?.notifications))
      await this.#context.write(JSON.stringify(change));
  }

  /** Changes of everything that the server agreed to tell of. */
  #changes(filter: unknown): RpcNotification[] {
    const agreed = (filter ?? {}) as Readonly<Record<string, unknown>>;
    const uris = Array.isArray(agreed.resourceSubscriptions) ? agreed.resourceSubscriptions : [];
    return [
      ...Object.entries(LIST_CHANGED).flatMap(([flag, method]) => (agreed[flag] === true ? [this.#note(method)] : [])),
      ...uris.map((uri) => this.#note('notifications/resources/updated', { uri })),
    ];
  }

  #note(method: string, params: Record<string, unknown> = {}): RpcNotification {
    return { jsonrpc: '2.0', method, params: { ...params, _meta: { [SUBSCRIPTION_ID]: this.message.id } } };
  }
}
