import { errorTypeIn, errorTypeOf } from '../../core/error-type.ts';
import { type AppError, asAppError } from '../../core/errors.ts';
import { isRequest, type RequestId, type RpcMessage, type RpcRequest, rpcError } from '../../core/json-rpc.ts';
import type { Operation } from '../../core/meter.ts';
import type { IncomingKey, IncomingNotice, IncomingRequest } from './incoming.ts';
import type { Reply } from './reply.ts';

export interface BatchWork {
  request(incoming: IncomingRequest, reply: Reply): Promise<void>;
  notify(incoming: IncomingNotice): Promise<void>;
  measure(request: RpcRequest): Operation;
}

/**
 * Answers a batch of 2025-03-26 (basic/transports, "Sending Messages to the Server"): one JSON array of all answers, or, once a
 * server has something else to say, a stream. Its events have no ids: an id names a place in one stream, and these are many.
 */
export async function answerBatch(
  messages: readonly RpcMessage[],
  { key, ...sent }: IncomingKey,
  reply: Reply,
  work: BatchWork,
): Promise<void> {
  const requests = messages.filter(isRequest);
  const answers = new Answers(reply, requests.length);
  const parts = messages.map(async (message, index): Promise<void> => {
    // One key came with the batch; each message needs its own, and the same one when the batch is sent again.
    const incoming = { message, payload: JSON.stringify(message), key: `${key}-${index}`, ...sent };
    if (!isRequest(message)) {
      // Where there are requests the batch is answered with their answers.
      return work.notify(incoming as IncomingNotice).catch((error: unknown) => {
        if (requests.length === 0) throw error;
      });
    }
    const operation = work.measure(message);
    const part = new Part(answers, operation);
    try {
      await work.request({ ...(incoming as IncomingRequest), operation }, part);
    } catch (error) {
      part.fail(asAppError(error), (message as RpcRequest).id);
    }
  });
  await Promise.all(parts);
  if (requests.length === 0) reply.accept(202);
}

/** Collects the answers of all parts. */
class Answers {
  readonly reply: Reply;
  #left: number;
  #collected: Buffer[] | undefined = [];

  constructor(reply: Reply, expected: number) {
    this.reply = reply;
    this.#left = expected;
  }

  /** A message that is no answer: from here on it is a stream. */
  aside(payload: Buffer): void {
    for (const answer of this.#collected ?? []) this.reply.send(answer, undefined, false);
    this.#collected = undefined;
    this.reply.send(payload, undefined, false);
  }

  /** A part is complete; with an answer, or cancelled without. */
  complete(payload: Buffer | undefined): void {
    this.#left -= 1;
    if (!this.#collected) {
      if (payload) this.reply.send(payload, undefined, this.#left === 0);
      else if (this.#left === 0) this.reply.end();
      return;
    }
    if (payload) this.#collected.push(payload);
    if (this.#left === 0) this.reply.json(200, `[${this.#collected.map((answer) => answer.toString()).join(',')}]`);
  }
}

/** What one request of a batch takes for its HTTP response. */
class Part implements Reply {
  readonly #answers: Answers;
  readonly #operation: Operation;
  primer: (() => string) | undefined;

  constructor(answers: Answers, operation: Operation) {
    this.#answers = answers;
    this.#operation = operation;
    answers.reply.onClose(() => operation.end('cancelled'));
  }

  get congested(): boolean {
    return this.#answers.reply.congested;
  }
  get closed(): boolean {
    return this.#answers.reply.closed;
  }
  onClose(callback: () => void): void {
    this.#answers.reply.onClose(callback);
  }
  onDrain(callback: () => void): void {
    this.#answers.reply.onDrain(callback);
  }
  startTimer(): void {}
  posted(): void {}
  stream(): void {}
  accept(): void {}

  send(payload: Buffer, _id: (() => string) | undefined, last: boolean): void {
    if (last) this.#complete(payload);
    else this.#answers.aside(payload);
  }
  json(_status: number, body: Buffer | string): void {
    this.#complete(Buffer.from(body));
  }
  end(): void {
    this.#operation.end('cancelled');
    this.#answers.complete(undefined);
  }
  fail(error: AppError, id: RequestId | null): void {
    this.#operation.failing(errorTypeOf(error.code));
    this.json(error.status, JSON.stringify(rpcError(id, error.rpcCode, error.message, error.data)));
  }

  #complete(answer: Buffer): void {
    const error = errorTypeIn(answer);
    if (error) this.#operation.failing(error);
    this.#operation.end();
    this.#answers.complete(answer);
  }
}
