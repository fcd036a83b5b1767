import { randomUUID } from 'node:crypto';
import type { Clock } from '../../../core/clock.ts';
import { AppError } from '../../../core/errors.ts';
import type { RpcMessage, RpcRequest } from '../../../core/json-rpc.ts';
import { within } from '../../../core/within.ts';
import type { Conversation } from '../conversation.ts';
import { parseEventId, type RequestCursor } from '../event-id.ts';
import type { Fields } from '../fields.ts';
import type { Reply } from '../reply.ts';

/**
 * The result of a request of this gateway's own. What else the server says on its stream is dropped.
 * @param ms how long it is waited for, milliseconds; then the server is told that nobody waits
 * @param key idempotency key, if it is asked once for all who ask: it is not taken back
 * @throws AppError also for a JSON-RPC error of the server
 */
export function ask(
  conversation: Conversation,
  method: string,
  params: Fields,
  { clock, ms, key }: { readonly clock: Clock; readonly ms: number; readonly key?: string },
): Promise<Fields> {
  const id = key ?? randomUUID();
  const message: RpcRequest = { jsonrpc: '2.0', id, method, params };
  const late = () => new AppError('server.busy', `No answer to ${method} within ${ms / 1000} s`, { retryAfter: 1 });
  return within(clock, ms, late, (signal) => {
    const answer = new Answer(signal);
    conversation.request({ message, payload: JSON.stringify(message), key: id }, answer);
    const giveUp = () => {
      if (answer.cursor) conversation.cancel(answer.cursor, 'It took too long', true).catch(() => {});
    };
    if (key === undefined) signal.addEventListener('abort', giveUp, { once: true });
    return answer.result;
  });
}

/** Takes an answer that goes to no client. */
class Answer implements Reply {
  primer: (() => string) | undefined;
  readonly congested = false;
  readonly result: Promise<Fields>;
  readonly #signal: AbortSignal;
  readonly #settle: PromiseWithResolvers<Fields> = Promise.withResolvers();
  #posted = false;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    this.result = this.#settle.promise;
  }

  get closed(): boolean {
    return this.#signal.aborted;
  }
  /** The request, if a host has it. */
  get cursor(): RequestCursor | undefined {
    return this.#posted && this.primer ? (parseEventId(this.primer()) as RequestCursor) : undefined;
  }
  onClose(callback: () => void): void {
    this.#signal.addEventListener('abort', callback, { once: true });
  }
  onDrain(): void {}
  startTimer(): void {}
  posted(): void {
    this.#posted = true;
  }
  stream(): void {}
  accept(): void {}

  send(payload: Buffer, _id: (() => string) | undefined, last: boolean): void {
    if (last) this.json(200, payload);
  }
  json(_status: number, body: Buffer | string): void {
    const message = JSON.parse(body.toString()) as RpcMessage;
    if ('result' in message) this.#settle.resolve(message.result);
    else this.fail(new AppError('upstream.failed', 'error' in message ? message.error.message : 'no answer'));
  }
  end(): void {
    this.fail(new AppError('upstream.failed', 'The server did not answer'));
  }
  fail(error: AppError): void {
    this.#settle.reject(error);
  }
}
