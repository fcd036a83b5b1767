import { errorTypeIn } from '../../../core/error-type.ts';
import type { ConnectionId } from '../../../core/ids.ts';
import { idOf, isId, type RequestId } from '../../../core/json-rpc.ts';
import type { ErrorType, Operation } from '../../../core/meter.ts';

/**
 * Calls whose answers are told by the streams of their clients. Whoever posted a call hears only that it is answered; what is wrong
 * with the answer is seen where it is sent, which is known here if both are at this replica, as a sticky balancer has it.
 */
export class PendingCalls {
  readonly #calls = new Map<string, Operation>();

  /** @returns the same operation, known here until it ends */
  add(connection: ConnectionId, request: RequestId, operation: Operation): Operation {
    const key = keyOf(connection, request);
    this.#calls.set(key, operation);
    const end = (error?: ErrorType): void => {
      if (this.#calls.get(key) === operation) this.#calls.delete(key);
      operation.end(error);
    };
    return {
      ...(operation.span ? { span: operation.span } : {}),
      end,
      posted: () => operation.posted(),
      waited: (ms) => operation.waited(ms),
      returned: () => operation.returned(),
      failing: (error) => operation.failing(error),
    };
  }

  /** The client gives a call up: there is no answer to it. @param request as the client says it */
  cancelled(connection: ConnectionId, request: unknown): void {
    if (isId(request)) this.#calls.get(keyOf(connection, request))?.failing('cancelled');
  }

  /** A message is sent by the stream of this connection. */
  told(connection: ConnectionId, payload: Buffer): void {
    const error = this.#calls.size > 0 ? errorTypeIn(payload) : undefined;
    if (!error) return;
    const id = idOf(JSON.parse(payload.toString()));
    if (id !== null) this.#calls.get(keyOf(connection, id))?.failing(error);
  }
}

const keyOf = (connection: ConnectionId, request: RequestId): string => `${connection} ${JSON.stringify(request)}`;
