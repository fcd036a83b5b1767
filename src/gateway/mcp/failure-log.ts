import { asAppError } from '../../core/errors.ts';
import { connectionLabel, isConnectionId, type SessionId, streamOf } from '../../core/ids.ts';
import type { Logger } from '../../core/logger.ts';
import { type Exchange, tokenOf } from './exchange.ts';
import { single } from './guards.ts';

/** Notes a request that failed, and whose it was: nothing of what was in it. @param sessionOf whose token it is; throws if it is none */
export function noteFailure(log: Logger, exchange: Exchange, cause: unknown, sessionOf: (token: string) => SessionId) {
  const { code, status } = asAppError(cause);
  if (status < 500) {
    log.debug({ code, status }, 'a request was refused');
    return;
  }
  const { headers } = exchange.req;
  const [key, connection] = [single(headers['idempotency-key']), single(headers['mcp-session-id'])];
  const who = {
    ...(key ? { request: streamOf(key) } : {}),
    ...sessionIn(exchange, sessionOf),
    ...(connection && isConnectionId(connection) ? { connection: connectionLabel(connection) } : {}),
  };
  if (code === 'internal') log.error({ err: cause, ...who }, 'a request failed');
  else log.warn({ code, status, ...who }, 'a request could not be served');
}

function sessionIn(exchange: Exchange, sessionOf: (token: string) => SessionId): { session?: SessionId } {
  try {
    return { session: sessionOf(tokenOf(exchange)) };
  } catch {
    return {}; // a stranger's
  }
}
