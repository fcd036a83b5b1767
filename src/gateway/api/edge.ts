import type { ErrorRequestHandler, RequestHandler } from 'express';
import type { ApiError } from '../../core/api.ts';
import { AppError, asAppError, messageOf } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';

/** The one place where an error becomes an answer: an `ApiError`, without a stack. */
export function answerErrors(log: Logger): ErrorRequestHandler {
  return (thrown: unknown, _request, response, _next) => {
    if (response.closed) return; // the client has gone: nobody is there to be told
    const error = fromParser(thrown) ?? asAppError(thrown);
    if (error.code === 'internal') log.error({ reason: messageOf(error.cause) }, 'request failed');
    if (error.status === 401) response.set('WWW-Authenticate', 'Bearer'); // RFC 6750, section 3
    if (error.retryAfter !== undefined) response.set('Retry-After', String(error.retryAfter));
    const { code, message, data } = error;
    const body: ApiError = { error: { code, message, ...(data === undefined ? {} : { data }) } };
    response.status(error.status).json(body);
  };
}

export const answerUnknown: RequestHandler = (request) => {
  throw new AppError('not-found', `There is nothing at ${request.method} ${request.path.slice(0, 200)}`);
};

/** What express and its body parser throw (http-errors): the client's mistakes. */
function fromParser(thrown: unknown): AppError | undefined {
  if (!(thrown instanceof Error) || thrown instanceof AppError) return undefined;
  const { status, type, limit } = thrown as Error & { status?: unknown; type?: unknown; limit?: unknown };
  if (type === 'entity.too.large') return new AppError('request.too-large', `The body is larger than ${limit} bytes`);
  if (type === 'entity.parse.failed') return new AppError('request.unparsable', 'The body is not valid JSON');
  if (status === 415) return new AppError('request.media-type', thrown.message);
  if (typeof status === 'number' && status >= 400 && status < 500)
    return new AppError('request.invalid', thrown.message);
  return undefined;
}
