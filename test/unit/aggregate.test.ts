import { describe, expect, it } from 'vitest';
import { AppError } from '../../src/core/errors.ts';
import { mergeGreetings } from '../../src/gateway/mcp/aggregate/greeting.ts';
import { decodeCursor, type ListMethod, listMethod, mergeLists } from '../../src/gateway/mcp/aggregate/lists.ts';
import { publicId, splitId, splitName, splitUri } from '../../src/gateway/mcp/aggregate/names.ts';
import { route } from '../../src/gateway/mcp/aggregate/route.ts';
import { translator } from '../../src/gateway/mcp/aggregate/translate.ts';

const SERVERS = ['files', 'pve'];
const tools = listMethod('tools/list') as ListMethod;
const down = new AppError('server.failed', 'it is broken');

describe('names at /mcp', () => {
  it('lead back to the server and its own name', () => {
    expect(splitName(SERVERS, 'files_read_text_file')).toEqual({ server: 'files', own: 'read_text_file' });
    expect(splitUri(SERVERS, 'pve+vm://100')).toEqual({ server: 'pve', own: 'vm://100' });
    expect(splitId(SERVERS, publicId('pve', 'a/b'))).toEqual({ server: 'pve', own: 'a/b' });
    expect(splitId(SERVERS, publicId('pve', 7))).toEqual({ server: 'pve', own: 7 });
  });

  it('of no server lead nowhere', () => {
    for (const text of ['', 'other_tool', '_tool', 'files', 'constructor_x', 7, undefined]) {
      expect(splitName(SERVERS, text)).toBeUndefined();
    }
    for (const id of ['files/{}', 'files/', 'files/null', 'nobody/1', 4]) expect(splitId(SERVERS, id)).toBeUndefined();
  });
});

describe('merged lists', () => {
  it('have all entries under public names', () => {
    const answers = [
      { server: 'files', result: { tools: [{ name: 'read' }] } },
      { server: 'pve', result: { tools: [{ name: 'list' }] } },
    ];
    expect(mergeLists(tools, answers)).toEqual({ tools: [{ name: 'files_read' }, { name: 'pve_list' }] });
  });

  it('name a server that is down, and have what the others have', () => {
    const merged = mergeLists(tools, [
      { server: 'files', result: { tools: [{ name: 'read' }] } },
      { server: 'pve', error: down },
    ]);
    expect(merged).toEqual({
      tools: [{ name: 'files_read' }],
      _meta: { 'mcp-session-manager/unavailable': { pve: 'it is broken' } },
    });
  });

  it('are spoiled by nothing that one server writes', () => {
    const answers = [
      { server: 'files', result: { tools: [null, 7, { name: 'read' }] } },
      { server: 'pve', result: { tools: 'none' } },
    ];
    expect(mergeLists(tools, answers)).toEqual({ tools: [{ name: 'files_read' }] });
  });

  it('are those of four methods', () => {
    for (const method of ['constructor', 'toString', '__proto__', 'tools/call'])
      expect(listMethod(method)).toBeUndefined();
  });

  it('fail when all servers are down', () => {
    expect(() => mergeLists(tools, [{ server: 'pve', error: down }])).toThrow(down);
  });

  it('go on with those servers that have another page', () => {
    const { nextCursor } = mergeLists(tools, [
      { server: 'files', result: { tools: [], nextCursor: 'f2' } },
      { server: 'pve', result: { tools: [] } },
    ]) as { nextCursor: string };
    expect(decodeCursor(nextCursor)).toEqual(new Map([['files', 'f2']]));
  });

  it('refuse a cursor that is not theirs', () => {
    for (const cursor of [
      '',
      'x',
      7,
      Buffer.from('{}').toString('base64url'),
      Buffer.from('{"../x":1}').toString('base64url'),
    ]) {
      expect(() => decodeCursor(cursor)).toThrow(AppError);
    }
  });
});

describe('the greeting of /mcp', () => {
  const greet = (greetings: Parameters<typeof mergeGreetings>[0]) =>
    mergeGreetings(greetings, '2025-11-25', '1.0.0') as { capabilities: object; instructions: string };

  it('has every capability of any server', () => {
    const { capabilities } = greet([
      { server: 'files', facts: { capabilities: { tools: {}, resources: { subscribe: true } } } },
      { server: 'pve', facts: { capabilities: { resources: { listChanged: true }, tasks: {} } } },
    ]);
    expect(capabilities).toEqual({ tools: { listChanged: true }, resources: { subscribe: true, listChanged: true } });
  });

  it('tells which server is absent and why', () => {
    const { instructions } = greet([
      { server: 'files', facts: { capabilities: {}, instructions: 'Read files.' } },
      { server: 'pve', error: down },
    ]);
    expect(instructions).toContain('files: Read files.');
    expect(instructions).toContain('pve: not available now (it is broken)');
  });
});

describe('requests at /mcp', () => {
  const request = (method: string, params: Record<string, unknown>) =>
    route({ jsonrpc: '2.0', id: 1, method, params }, SERVERS);

  it('go to their server under its own names', () => {
    expect(request('tools/call', { name: 'files_read', arguments: { a: 1 } })).toEqual({
      server: 'files',
      changes: { name: 'read' },
    });
    expect(request('resources/read', { uri: 'pve+vm://1' })).toEqual({ server: 'pve', changes: { uri: 'vm://1' } });
    expect(request('completion/complete', { ref: { type: 'ref/prompt', name: 'files_p' }, argument: {} })).toEqual({
      server: 'files',
      changes: { ref: { type: 'ref/prompt', name: 'p' } },
    });
    expect(request('completion/complete', { ref: { type: 'ref/resource', uri: 'pve+vm://{id}' } })).toEqual({
      server: 'pve',
      changes: { ref: { type: 'ref/resource', uri: 'vm://{id}' } },
    });
  });

  it('for a name of no server say which servers there are', () => {
    expect(() => request('tools/call', { name: 'read' })).toThrow(/files, pve/);
    expect(() => request('no/such', {})).toThrow(/Method not found/);
  });
});

describe("a server's messages at /mcp", () => {
  const translate = (message: object): unknown =>
    JSON.parse(String(translator('pve')(Buffer.from(JSON.stringify({ jsonrpc: '2.0', ...message })))));

  it('carry its name in ids, tokens and resources', () => {
    expect(translate({ id: 3, method: 'sampling/createMessage', params: { _meta: { progressToken: 9 } } })).toEqual({
      jsonrpc: '2.0',
      id: 'pve/3',
      method: 'sampling/createMessage',
      params: { _meta: { progressToken: 'pve/9' } },
    });
    expect(translate({ method: 'notifications/resources/updated', params: { uri: 'vm://1' } })).toMatchObject({
      params: { uri: 'pve+vm://1' },
    });
    expect(translate({ method: 'notifications/cancelled', params: { requestId: 3 } })).toMatchObject({
      params: { requestId: 'pve/3' },
    });
    const content = [
      { type: 'resource_link', uri: 'vm://1', name: 'x' },
      { type: 'resource', resource: { uri: 'vm://2', text: '' } },
      { type: 'text', text: '{"uri":"vm://3"}' },
    ];
    expect(translate({ id: 1, result: { content } })).toMatchObject({
      id: 1,
      result: { content: [{ uri: 'pve+vm://1' }, { resource: { uri: 'pve+vm://2' } }, { text: '{"uri":"vm://3"}' }] },
    });
  });

  it('keep numbers that JavaScript does not hold', () => {
    const result = '{"structuredContent":{"id":12345678901234567890},"contents":[{"uri":"vm://1"}]}';
    const answer = translator('pve')(Buffer.from(`{"jsonrpc":"2.0","id":1,"result":${result}}`));
    expect(String(answer)).toContain(
      '{"structuredContent":{"id":12345678901234567890},"contents":[{"uri":"pve+vm://1"}]}',
    );
  });

  it('keep what is the client’s own: the answer’s id, its progress token', () => {
    const progress = { method: 'notifications/progress', params: { progressToken: 'mine', progress: 1 } };
    expect(translate(progress)).toMatchObject(progress);
    expect(translate({ id: 'mine', result: {} })).toMatchObject({ id: 'mine' });
  });
});
