import type { RequestId, RpcNotification } from '../../core/json-rpc.ts';
import { answerFor } from './failure.ts';

/** Requests of the client that are not answered yet. Every one is answered in the end, but for those that it cancelled. */
export class Calls {
  readonly #write: (text: string) => Promise<void>;
  readonly #stopped: AbortSignal;
  readonly #cancellers = new Map<RequestId, AbortController>();

  /** @param stopped aborts when no answer is waited for any more; its reason is the answer */
  constructor(write: (text: string) => Promise<void>, stopped: AbortSignal) {
    this.#write = write;
    this.#stopped = stopped;
  }

  /** Runs `work`, which answers request `id`, or rejects with what to answer. */
  async run(id: RequestId, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const cancelled = new AbortController();
    this.#cancellers.set(id, cancelled);
    try {
      await work(AbortSignal.any([this.#stopped, cancelled.signal]));
    } catch (error) {
      // A cancelled request gets no answer (2025-11-25, basic/utilities/cancellation; 2026-07-28, basic/patterns/cancellation).
      if (!cancelled.signal.aborted) await this.#write(JSON.stringify(answerFor(id, error)));
    } finally {
      if (this.#cancellers.get(id) === cancelled) this.#cancellers.delete(id);
    }
  }

  /** Ends the request that this `notifications/cancelled` names. False: none such runs here. */
  cancel({ params }: RpcNotification): boolean {
    const id = params?.requestId;
    const cancelled = typeof id === 'string' || typeof id === 'number' ? this.#cancellers.get(id) : undefined;
    cancelled?.abort();
    return cancelled !== undefined;
  }
}
