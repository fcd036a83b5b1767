import { describe, expect, it } from 'vitest';
import { AppError } from '../../src/core/errors.ts';
import { isConnectionId } from '../../src/core/ids.ts';
import type { RpcRequest } from '../../src/core/json-rpc.ts';
import { digestOf } from '../../src/gateway/mcp/fields.ts';
import { clientOf } from '../../src/gateway/mcp/modern/client-meta.ts';
import { answersOf, missingCapability } from '../../src/gateway/mcp/modern/questions.ts';
import { checkHeaders } from '../../src/gateway/mcp/modern/request-headers.ts';
import { RequestStates } from '../../src/gateway/mcp/modern/request-state.ts';
import { completeResult, publicError } from '../../src/gateway/mcp/modern/results.ts';
import { covers, filterOf, supported } from '../../src/gateway/mcp/modern/subscription-filter.ts';
import { virtualConnection } from '../../src/gateway/mcp/modern/virtual-connection.ts';
import { FakeClock } from '../fakes/fake-clock.ts';

const VERSION = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' };
const request = (method: string, params: Record<string, unknown> = {}): RpcRequest => ({
  ...{ jsonrpc: '2.0', id: 1, method },
  params: { _meta: { ...VERSION, 'io.modelcontextprotocol/clientCapabilities': {} }, ...params },
});
/** The code of the error that is thrown; undefined: none is. */
function codeOf(work: () => unknown): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof AppError) return error.code;
    throw error;
  }
}

describe('[modern.headers] headers', () => {
  const check = (name: string | undefined, body: unknown) =>
    codeOf(() => {
      const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call' };
      checkHeaders(
        name === undefined ? headers : { ...headers, 'mcp-name': name },
        request('tools/call', { name: body }),
      );
    });
  const encoded = (text: string) => `=?base64?${Buffer.from(text).toString('base64')}?=`;

  it.each([
    ['echo', 'echo'],
    [encoded('grüße'), 'grüße'],
    [encoded('\u{feff}mark'), '\u{feff}mark'],
    [encoded('=?base64?literal?='), '=?base64?literal?='],
    ['=?BASE64?ZWNobw==?=', '=?BASE64?ZWNobw==?='],
    [undefined, undefined],
  ])('%s is the name %s', (header, name) => {
    expect(check(header, name)).toBeUndefined();
  });

  it.each([
    ['other', 'echo'],
    ['Echo', 'echo'],
    [undefined, 'echo'],
    ['echo', undefined],
    ['=?base64?ZWNobw?=', 'echo'],
    ['=?base64?/w==?=', '\u{fffd}'],
    ['=?base64?ZWN obw==?=', 'echo'],
    ['grüße', 'grüße'],
  ])('%s is not the name %s', (header, name) => {
    expect(check(header, name)).toBe('header.mismatch');
  });

  it('are given once', () => {
    const once = { 'mcp-protocol-version': ['2026-07-28'], 'mcp-method': ['tools/call'], 'mcp-name': ['a'] };
    const of = (headers: object, name = 'a') =>
      codeOf(() => checkHeaders({ ...once, ...headers }, request('tools/call', { name })));
    expect(of({})).toBeUndefined();
    expect(of({ 'mcp-name': ['a', 'b'] })).toBe('header.mismatch');
    expect(of({ 'mcp-name': ['a', 'b'] }, 'a, b')).toBe('header.mismatch');
    expect(of({ 'mcp-method': ['tools/call', 'tools/list'] })).toBe('header.mismatch');
    expect(of({ 'mcp-protocol-version': ['2026-07-28', '2025-11-25'] })).toBe('header.mismatch');
  });
});

describe('[modern.meta] what a client says of itself', () => {
  it('is read, and tasks are left out', () => {
    const capabilities = { elicitation: {}, tasks: {} };
    const _meta = { ...VERSION, 'io.modelcontextprotocol/clientCapabilities': capabilities };
    expect(clientOf(request('tools/list', { _meta }))).toEqual({
      ...{ info: { name: 'unknown', version: '0' }, logLevel: undefined },
      capabilities: { elicitation: {} },
    });
  });

  it.each([
    undefined,
    {},
    { 'io.modelcontextprotocol/clientCapabilities': {} },
    VERSION,
    { ...VERSION, 'io.modelcontextprotocol/clientCapabilities': [] },
    { ...VERSION, 'io.modelcontextprotocol/clientCapabilities': {}, 'io.modelcontextprotocol/clientInfo': {} },
    { ...VERSION, 'io.modelcontextprotocol/clientCapabilities': { experimental: { x: 'x'.repeat(1 << 17) } } },
  ])('is refused: %#', (_meta) => {
    expect(codeOf(() => clientOf(request('tools/list', { _meta })))).toBe('request.params');
  });

  it('leads to one connection for each client, which no header can name', () => {
    const session = { id: 's', nonce: 'n', createdAt: 0 };
    const of = (info: object, server?: string, nonce = 'n') => {
      const client = { info: { ...info }, capabilities: {}, logLevel: undefined };
      return virtualConnection({ ...session, nonce }, server, client).id;
    };
    expect(of({ name: 'a', version: '1' })).toBe(of({ version: '1', name: 'a' }));
    const ids = [of({ name: 'a' }), of({ name: 'b' }), of({ name: 'a' }, 'files'), of({ name: 'a' }, undefined, 'm')];
    expect(new Set(ids).size).toBe(4);
    expect(ids.some(isConnectionId)).toBe(false);
  });
});

describe('[modern.state] the state of a request', () => {
  const clock = new FakeClock();
  const states = new RequestStates(Buffer.alloc(32, 1), clock, 1000);
  const state = { connection: 'm-1', place: 'files.k.1.Nw', asked: 1, answered: [2] };
  const call = request('tools/call', { name: 'ask', arguments: { a: 1, b: 2 } });
  const sealed = states.seal('me', call, state);

  it('is read by whoever has the key, for the same request, however it is written', () => {
    const retry = { ...request('tools/call', { inputResponses: {}, requestState: sealed, name: 'ask' }), id: 2 };
    const again = { ...retry, params: { arguments: { b: 2, a: 1 }, ...retry.params } };
    expect(new RequestStates(Buffer.alloc(32, 1), clock, 1).open('me', again, sealed)).toMatchObject(state);
  });

  it.each<[string, () => unknown]>([
    ['another principal', () => states.open('you', call, sealed)],
    ['another method', () => states.open('me', { ...call, method: 'prompts/get' }, sealed)],
    ['other arguments', () => states.open('me', request('tools/call', { name: 'ask' }), sealed)],
    ['another key', () => new RequestStates(Buffer.alloc(32, 2), clock, 1000).open('me', call, sealed)],
    ['a change', () => states.open('me', call, `${sealed.slice(0, -3)}AAA`)],
    ['a text behind it', () => states.open('me', call, `${sealed}!`)],
    ['no text', () => states.open('me', call, null)],
    ['nothing in it', () => states.open('me', call, '')],
  ])('is refused with %s', (_, open) => {
    expect(codeOf(open)).toBe('request.params');
  });

  it('expires', async () => {
    await clock.advance(1000);
    expect(codeOf(() => states.open('me', call, sealed))).toBe('request.params');
  });
});

describe('[modern.capability] what a client must have declared', () => {
  const missing = (method: string, params: Record<string, unknown>, capabilities: Record<string, unknown>) =>
    missingCapability({ jsonrpc: '2.0', id: 1, method, params }, capabilities);

  it('to be asked by form or page', () => {
    expect(missing('elicitation/create', {}, { elicitation: {} })).toBeUndefined();
    expect(missing('elicitation/create', { mode: 'form' }, { elicitation: { form: {} } })).toBeUndefined();
    expect(missing('elicitation/create', {}, { elicitation: { url: {} } })).toEqual({ elicitation: {} });
    expect(missing('elicitation/create', { mode: 'url' }, { elicitation: { url: {} } })).toBeUndefined();
    expect(missing('elicitation/create', { mode: 'url' }, { elicitation: {} })).toEqual({ elicitation: { url: {} } });
  });

  it('for its model and its roots', () => {
    expect(missing('sampling/createMessage', {}, { sampling: {} })).toBeUndefined();
    expect(missing('sampling/createMessage', { tools: [] }, { sampling: {} })).toEqual({ sampling: { tools: {} } });
    expect(missing('roots/list', {}, {})).toEqual({ roots: {} });
  });
});

describe('[modern.input] answers', () => {
  it('are objects by key', () => {
    expect(answersOf(request('tools/call'))).toEqual(new Map());
    expect(answersOf(request('tools/call', { inputResponses: { a: {} } }))).toEqual(new Map([['a', {}]]));
  });

  it.each([null, 5, [], { a: 5 }, { a: null }, { a: [] }])('are not %j', (inputResponses) => {
    expect(codeOf(() => answersOf(request('tools/call', { inputResponses })))).toBe('request.params');
  });
});

describe('results and errors of earlier revisions', () => {
  it('[modern.headers] ask for no headers, but keep a property of that name', () => {
    const properties = { region: { type: 'string', 'x-mcp-header': 'Region' }, 'x-mcp-header': { type: 'string' } };
    const tools = [{ name: 'a', inputSchema: { type: 'object', properties } }, 'odd', { name: 'b' }];
    expect(completeResult('tools/list', { tools }, undefined).tools).toEqual([
      {
        name: 'a',
        inputSchema: { type: 'object', properties: { region: { type: 'string' }, 'x-mcp-header': { type: 'string' } } },
      },
      'odd',
      { name: 'b' },
    ]);
  });

  it.each([
    [-32601, -32601, 404],
    [-32002, -32602, 200],
    [-32042, -32603, 200],
    [-32602, -32602, 200],
    [-32000, -32000, 200],
    [1.5, -32603, 200],
  ])('[modern.codes] %d is %d', (code, expected, status) => {
    const error = publicError({ jsonrpc: '2.0', id: 1, error: { code, message: 'm' } }, request('x', { uri: 'u://' }));
    expect(error).toMatchObject({ code: expected, message: 'm', status });
    if (code === -32002) expect(error.data).toEqual({ uri: 'u://' });
  });
});

describe('[modern.listen.filter] what a client listens to', () => {
  const notifications = {
    toolsListChanged: true,
    promptsListChanged: false,
    resourceSubscriptions: ['a://x', 'a://x'],
  };
  const filter = filterOf(request('subscriptions/listen', { notifications }));

  it('is what it asked for, as far as servers tell of it', () => {
    expect(filter).toEqual({ lists: new Set(['tools']), uris: ['a://x'] });
    const all = { tools: { listChanged: true }, resources: { subscribe: true } };
    expect(supported(filter, all)).toEqual(filter);
    expect(supported(filter, { tools: {}, resources: {} })).toEqual({ lists: new Set(), uris: [] });
    expect([covers(filter, 'a://x'), covers(filter, 'a://x/part'), covers(filter, 'a://xy')]).toEqual([
      true,
      true,
      false,
    ]);
  });

  it.each([undefined, [], { toolsListChanged: 1 }, { resourceSubscriptions: 'a' }, { resourceSubscriptions: [1] }])(
    'is not %j',
    (wrong) => {
      expect(codeOf(() => filterOf(request('subscriptions/listen', { notifications: wrong })))).toBe('request.params');
    },
  );
});

it('a digest does not depend on the order of fields', () => {
  expect(digestOf({ a: [{ b: 1, c: 2 }], d: null })).toBe(digestOf({ d: null, a: [{ c: 2, b: 1 }] }));
  expect(digestOf([1, 2])).not.toBe(digestOf([2, 1]));
});
