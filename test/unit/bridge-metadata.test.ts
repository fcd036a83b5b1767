import { describe, expect, it } from 'vitest';
import { headersOf, isModern } from '../../src/cli/bridge/modern/metadata.ts';
import type { RpcRequest } from '../../src/core/json-rpc.ts';
import { modern } from '../support/bridge-client.ts';

const request = (method: string, params: object = {}) => modern(1, method, params) as unknown as RpcRequest;

describe('the era of a message', () => {
  it.each([
    [modern(1, 'tools/list'), true],
    [{ jsonrpc: '2.0', method: 'notifications/x', params: modern(1, 'x').params }, true],
    [{ jsonrpc: '2.0', id: 1, method: 'tools/list' }, false],
    [{ jsonrpc: '2.0', id: 1, method: 'tools/list', params: { _meta: null } }, false],
    [{ jsonrpc: '2.0', id: 1, method: 'tools/list', params: { _meta: { progressToken: 1 } } }, false],
    [
      {
        jsonrpc: '2.0',
        id: 1,
        method: 'tools/list',
        params: { _meta: { 'io.modelcontextprotocol/protocolVersion': 1 } },
      },
      false,
    ],
    [{ jsonrpc: '2.0', id: 1, result: modern(1, 'x').params }, false],
  ])('%j: %s', (message, expected) => {
    expect(isModern(message as RpcRequest)).toBe(expected);
  });
});

describe('headers of a modern message', () => {
  it('name what has a name', () => {
    expect(headersOf(request('tools/call', { name: 'a', uri: 'b' }))).toEqual({
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': 'a',
    });
    expect(headersOf(request('resources/read', { name: 'a', uri: 'b' }))['mcp-name']).toBe('b');
    expect(headersOf(request('tools/list', { name: 'a', uri: 'b' }))).not.toHaveProperty('mcp-name');
    expect(headersOf(request('tools/call'))).not.toHaveProperty('mcp-name');
    expect(headersOf(request('toString', { name: 'a' }))).not.toHaveProperty('mcp-name');
  });

  // 2026-07-28, basic/transports/streamable-http, "Value Encoding"
  it.each([
    ['us-west1', 'us-west1'],
    ['', ''],
    ['a\tb c', 'a\tb c'],
    ['Hello, 世界', '=?base64?SGVsbG8sIOS4lueVjA==?='],
    [' padded ', '=?base64?IHBhZGRlZCA=?='],
    ['line1\nline2', '=?base64?bGluZTEKbGluZTI=?='],
    ['=?base64?literal?=', '=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?='],
    ['=?base64?literal', '=?base64?literal'],
    ['\u007f', '=?base64?fw==?='],
  ])('encode %j as %j', (name, encoded) => {
    expect(headersOf(request('tools/call', { name }))['mcp-name']).toBe(encoded);
  });

  it.each(['a\nb', 'ä', ' a'])('refuse the method %j', (method) => {
    expect(() => headersOf(request(method))).toThrow('visible ASCII');
  });
});
