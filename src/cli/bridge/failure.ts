import { AppError, ERRORS, type ErrorCode, messageOf } from '../../core/errors.ts';
import type { RequestId, RpcError } from '../../core/json-rpc.ts';
import { rpcError } from '../../core/json-rpc.ts';
import type { HttpAnswer } from './mcp-http.ts';

/** A JSON-RPC error that the gateway answered with. */
export class GatewayError extends Error {
  readonly code: number;
  readonly data: unknown;
  constructor(code: number, message: string, data?: unknown) {
    super(message);
    this.code = code;
    this.data = data;
  }
}

/** An HTTP error that says nothing more. */
class BareError extends AppError {}

/** What an HTTP error says: its body's error, which is JSON-RPC's or the API's, else its status. Reads the body. */
export async function failureOf(answer: HttpAnswer): Promise<Error> {
  const text = await answer.body.text().catch(() => '');
  const { code, message, data } = errorIn(text);
  if (typeof message === 'string') {
    if (typeof code === 'number') return new GatewayError(code, message, data);
    if (typeof code === 'string' && code in ERRORS) return new AppError(code as ErrorCode, message);
  }
  return new BareError('internal', `the session manager answered HTTP ${answer.statusCode}: its log has the details`);
}

/** Whether a 404 says that the session or the connection is over: there are others, such as a server that is not there. */
export function saysOver(error: Error): boolean {
  const { rpc } = ERRORS['session.over'];
  if (error instanceof GatewayError) return error.code === rpc;
  return error instanceof BareError || (error instanceof AppError && error.rpcCode === rpc);
}

/** A call that was sent, with an answer that cannot be had any more. */
export function outcomeUnknown(why: string): AppError {
  return new AppError(
    'call.outcome-unknown',
    `The call was sent, and nobody can say whether it was carried out (${why}): look before you call again`,
  );
}

/** The answer to request `id` that failed with `error`. */
export function answerFor(id: RequestId, error: unknown): RpcError {
  if (error instanceof GatewayError) return rpcError(id, error.code, error.message, error.data);
  if (error instanceof AppError) return rpcError(id, error.rpcCode, error.message, error.data);
  return rpcError(id, ERRORS.internal.rpc, messageOf(error));
}

function errorIn(text: string): { code?: unknown; message?: unknown; data?: unknown } {
  try {
    return (JSON.parse(text) as { error?: object }).error ?? {};
  } catch {
    return {};
  }
}
