import type { RpcNotification, RpcRequest } from '../../../core/json-rpc.ts';
import { isRequest } from '../../../core/json-rpc.ts';
import { Calls } from '../calls.ts';
import type { BridgeContext } from '../context.ts';
import { Exchange } from '../exchange.ts';
import { ModernMessage } from './modern-message.ts';
import { Subscription } from './subscription.ts';

/** Clients of 2026-07-28: each request stands for itself, and nothing is kept between two. */
export class ModernEra {
  readonly #context: BridgeContext;
  readonly #calls: Calls;
  readonly #ending = new AbortController();

  constructor(context: BridgeContext) {
    this.#context = context;
    this.#calls = new Calls(context.write, context.stopped);
  }

  /** @param text the message, JSON in one line */
  async accept(message: RpcRequest | RpcNotification, text: string): Promise<void> {
    const { patience, stopped } = this.#context;
    if (!isRequest(message))
      await new Exchange(new ModernMessage(this.#context, message, text), patience(), stopped).run();
    else if (message.method === 'subscriptions/listen') await this.#listen(message, text);
    else await this.#call(message, text);
  }

  /** Ends the request that this `notifications/cancelled` names: on HTTP, by closing its stream. False: none such runs. */
  cancel(notification: RpcNotification): boolean {
    return this.#calls.cancel(notification);
  }

  /** Ends what would go on for ever. */
  endSubscriptions(): void {
    this.#ending.abort();
  }

  #call(message: RpcRequest, text: string): Promise<void> {
    return this.#calls.run(message.id, (signal) =>
      new Exchange(new ModernMessage(this.#context, message, text), this.#context.patience(), signal).run(),
    );
  }

  #listen(message: RpcRequest, text: string): Promise<void> {
    return this.#calls.run(message.id, async (signal) => {
      const subscription = new Subscription(this.#context, message, text);
      const patience = this.#context.patience(() => subscription.limitMs);
      const ended = AbortSignal.any([signal, this.#ending.signal]);
      try {
        await new Exchange(subscription, patience, ended).run();
      } catch (error) {
        if (signal.aborted || !ended.aborted) throw error;
        await this.#context.write(JSON.stringify(subscription.completion));
      }
    });
  }
}
