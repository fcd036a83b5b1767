import type { AppError } from '../../../core/errors.ts';
import type { RequestId, RpcNotification } from '../../../core/json-rpc.ts';
import { asFields, encoded, type Fields } from '../fields.ts';
import type { Heart } from '../heart.ts';
import type { Reply } from '../reply.ts';
import { completeResult } from './results.ts';
import { covers, type SubscriptionFilter } from './subscription-filter.ts';

const SUBSCRIPTION_KEY = 'io.modelcontextprotocol/subscriptionId';
const LIST_CHANGED = /^notifications\/(tools|prompts|resources)\/list_changed$/;
/** More than that is not kept until the subscription is acknowledged, bytes. */
const MAX_EARLY = 1 << 16;
const UPDATED = 'notifications/resources/updated';

export interface SubscriptionOptions {
  /** The HTTP response. */
  readonly out: Reply;
  readonly heart: Heart;
  /** Of the request, which is the subscription's. */
  readonly id: RequestId;
  readonly serverInfo: () => object | undefined;
  /** Messages may have been lost, and the servers may know nothing of this subscription. */
  readonly onResync: () => void;
}

/**
 * The stream of one `subscriptions/listen` (2026-07-28, basic/patterns/subscriptions): what servers say by themselves, as far
 * as the client asked for it. It ends with a result when the session or this gateway ends.
 */
export class Subscription implements Reply {
  primer: (() => string) | undefined;
  readonly #options: SubscriptionOptions;
  /** What the client is told of; undefined: not acknowledged yet. */
  #filter: SubscriptionFilter | undefined;
  /** What came before that. */
  #early: Fields[] = [];
  #earlyBytes = 0;

  constructor(options: SubscriptionOptions) {
    this.#options = options;
    options.out.onClose(options.heart.onEnd(() => this.end()));
  }

  get closed(): boolean {
    return this.#options.out.closed;
  }
  get congested(): boolean {
    return this.#options.out.congested;
  }
  onClose(callback: () => void): void {
    this.#options.out.onClose(callback);
  }
  onDrain(callback: () => void): void {
    this.#options.out.onDrain(callback);
  }
  startTimer(): void {}
  posted(): void {}
  stream(): void {} // begins with the acknowledgement
  accept(): void {}
  json(): void {}

  /** Says what the client is going to be told of, and from now on tells it. */
  acknowledge(filter: SubscriptionFilter): void {
    this.#filter = filter;
    const { lists, uris } = filter;
    const notifications = {
      ...Object.fromEntries([...lists].map((list) => [`${list}ListChanged`, true])),
      ...(uris.length > 0 ? { resourceSubscriptions: uris } : {}),
    };
    this.#say('notifications/subscriptions/acknowledged', { notifications });
    const early = this.#early.splice(0);
    if (this.#earlyBytes <= MAX_EARLY) for (const message of early) this.#pass(message);
    else this.#sayAll(filter);
  }

  send(payload: Buffer, id: (() => string) | undefined): void {
    const message = asFields(JSON.parse(payload.toString()));
    if (!message || 'id' in message) return; // a question: there is nobody to ask without a call
    if (this.#filter) this.#pass(message);
    else {
      this.#earlyBytes += payload.length;
      if (this.#earlyBytes <= MAX_EARLY) this.#early.push(message);
    }
    // The gateway's own, which come without an id, stand for whatever was lost.
    if (id === undefined && message.method === 'notifications/resources/list_changed') this.#resync();
  }

  /** Completes the subscription, and says so twice, as patterns/cancellation and patterns/subscriptions have it. */
  end(): void {
    const { out, id, serverInfo } = this.#options;
    if (out.closed) return;
    if (this.#filter) this.#say('notifications/cancelled', { requestId: id });
    const result = completeResult('subscriptions/listen', { _meta: { [SUBSCRIPTION_KEY]: id } }, serverInfo());
    out.send(Buffer.from(JSON.stringify({ jsonrpc: '2.0', id, result })), undefined, true);
  }

  fail(error: AppError): void {
    this.#options.out.fail(error, this.#options.id);
  }

  #resync(): void {
    this.#options.onResync();
    for (const uri of this.#filter?.uris ?? []) this.#say(UPDATED, { uri });
  }

  /** In place of messages that were not kept: all that the client is told of may have changed. */
  #sayAll({ lists, uris }: SubscriptionFilter): void {
    for (const list of lists) this.#say(`notifications/${list}/list_changed`, {});
    for (const uri of uris) this.#say(UPDATED, { uri });
  }

  #pass({ method, params }: Partial<RpcNotification>): void {
    const filter = this.#filter;
    if (!filter || method === undefined) return;
    const list = LIST_CHANGED.exec(method)?.[1];
    if (list === undefined ? method === UPDATED && covers(filter, params?.uri) : filter.lists.has(list))
      this.#say(method, params ?? {});
  }

  #say(method: string, params: Fields): void {
    const { out, id } = this.#options;
    const own = { ...params, _meta: { ...asFields(params._meta), [SUBSCRIPTION_KEY]: id } };
    const payload = encoded(() => JSON.stringify({ jsonrpc: '2.0', method, params: own }));
    if (payload) out.send(payload, undefined, false);
  }
}
