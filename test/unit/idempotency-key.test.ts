import type { IncomingMessage } from 'node:http';
import { expect, it } from 'vitest';
import type { RpcMessage } from '../../src/core/json-rpc.ts';
import { type Exchange, keyOf } from '../../src/gateway/mcp/exchange.ts';
import { postKind } from '../../src/gateway/mcp/post-kind.ts';
import { withTrace } from '../../src/gateway/mcp/trace-meta.ts';

const keyFor = (body: string, headers: Record<string, string> = { 'idempotency-key': 'the-key' }) =>
  keyOf({ req: { headers } as unknown as IncomingMessage } as Exchange, Buffer.from(body));
const call = (id: number) => ({ jsonrpc: '2.0', id, method: 'tools/call' }) as const;

it('that the client sent stands for the body that it came with', () => {
  const sent = keyFor('{"a":1}');
  expect(sent).toEqual({ key: 'the-key', digest: expect.stringMatching(/^[A-Za-z0-9_-]{22}$/) });
  expect(keyFor('{"a":1}')).toEqual(sent);
  expect(keyFor('{"a":2}').digest).not.toBe(sent.digest);
});

it('of our own stands for nothing: nobody can send it again', () => {
  expect(keyFor('{}', {})).toEqual({ key: expect.stringMatching(/^[0-9a-f-]{36}$/) });
  expect(keyFor('{}', {}).key).not.toBe(keyFor('{}', {}).key);
});

it('[once] is told to the host with what it stands for, also where the gateway adds to the message', () => {
  const { digest = '' } = keyFor('{}');
  const messages: RpcMessage[] = [
    call(1),
    { jsonrpc: '2.0', method: 'notifications/x' },
    { jsonrpc: '2.0', id: 1, result: {} },
  ];
  for (const message of messages) expect(postKind({ message, digest })).toMatchObject({ digest });
  const incoming = { message: call(1), payload: JSON.stringify(call(1)), key: 'k', digest };
  expect(postKind(withTrace(incoming, { traceparent: 't' }))).toEqual(postKind(incoming));
});
