import { expect, it } from 'vitest';
import { errorTypeIn } from '../../src/core/error-type.ts';
import { ERRORS } from '../../src/core/errors.ts';

const answer = (rest: object): string => JSON.stringify({ jsonrpc: '2.0', id: 1, ...rest });

it.each([
  ['a result', answer({ result: { content: [] } }), undefined],
  ['a tool that failed', answer({ result: { content: [], isError: true } }), 'tool_error'],
  ['one that says that it has not', answer({ result: { content: [], isError: false } }), undefined],
  ['with spaces', '{"result": { "isError" :\n true }}', 'tool_error'],
  ['in a part of the result', answer({ result: { structuredContent: { isError: true, error: 1 } } }), undefined],
  ['as a text', answer({ result: { content: [{ text: '"isError":true,"error":{}' }] } }), undefined],
  ['first false, then true', answer({ result: { meta: { isError: false }, isError: true } }), 'tool_error'],
  ["a server's error", answer({ error: { code: -32602, message: 'x' } }), 'rpc_error'],
  ["a host's", answer({ error: { code: ERRORS['call.outcome-unknown'].rpc, message: 'x' } }), 'outcome_unknown'],
  ['no JSON', '{"error":', undefined],
])('%s', (_what, text, expected) => {
  expect(errorTypeIn(text)).toBe(expected);
  expect(errorTypeIn(Buffer.from(text))).toBe(expected);
});
