import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../src/core/errors.ts';
import { connectionLabel, newConnectionId } from '../../src/core/ids.ts';
import type { Exchange } from '../../src/gateway/mcp/exchange.ts';
import { noteFailure } from '../../src/gateway/mcp/failure-log.ts';
import { createLogger } from '../../src/telemetry/logger.ts';

const CONNECTION = newConnectionId();
const SESSION = 'pts_1-abcdefghijklmnop';

function noted(cause: unknown, headers: Record<string, string> = {}): Record<string, unknown> {
  const lines: Record<string, unknown>[] = [];
  const log = createLogger({ level: 'debug', destination: { write: (line) => void lines.push(JSON.parse(line)) } });
  const known = { authorization: 'Bearer good', 'mcp-session-id': CONNECTION, 'idempotency-key': 'key-1' };
  const exchange = { req: { headers: { ...known, ...headers } } as unknown as IncomingMessage } as Exchange;
  noteFailure(log, exchange, cause, (token) => {
    if (token !== 'good') throw new AppError('auth.invalid', 'no');
    return SESSION;
  });
  expect(lines).toHaveLength(1);
  expect(JSON.stringify(lines)).not.toContain(CONNECTION);
  return lines[0] as Record<string, unknown>;
}

describe('the log of requests that failed', () => {
  const who = { request: 'key-1', session: SESSION, connection: connectionLabel(CONNECTION) };

  it('says which request, session and connection could not be served, and why', () => {
    const busy = new AppError('server.busy', 'a message that quotes somebody');
    expect(noted(busy)).toMatchObject({ level: 'warn', code: 'server.busy', status: 503, ...who });
    expect(JSON.stringify(noted(busy))).not.toContain('quotes');
    expect(noted(new Error('a fault'))).toMatchObject({ level: 'error', err: { message: 'a fault' }, ...who });
  });

  it('believes no token that was not issued here, and no id that is none', () => {
    const strange = { authorization: 'Bearer bad', 'mcp-session-id': '"\n', 'idempotency-key': 'x\ny' };
    const line = noted(new AppError('store.unavailable', 'x'), strange);
    expect(line).not.toHaveProperty('session');
    expect(line).not.toHaveProperty('connection');
    expect(line.request).toMatch(/^[\w-]{32}$/);
  });

  it('says little of what was refused, and that only at debug', () => {
    expect(noted(new AppError('auth.invalid', 'no'))).toMatchObject({ level: 'debug', code: 'auth.invalid' });
  });
});
