import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { TestManager } from '../support/manager.ts';
import { textOf } from '../support/mcp-clients.ts';
import { MODERN, ModernMcp, meta, textIn } from './modern-requests.ts';

const ODD = fileURLToPath(new URL('modern-odd-server.ts', import.meta.url));

let manager: TestManager;
let token: string;
beforeAll(async () => {
  const env = { ODD_FILE: '${workspace}/odd' };
  manager = await TestManager.start({ servers: { odd: { command: 'node', args: [ODD], env } } });
  ({ token } = await manager.open({ servers: ['counting', 'filesystem', 'odd'] }));
});
afterAll(() => manager[Symbol.asyncDispose]());

/** Both endpoints: what is called `echo` at the one is `counting_echo` at the other. */
const endpoints = [
  { path: '/mcp/counting', name: (own: string) => own, uri: (own: string) => own },
  { path: '/mcp', name: (own: string) => `counting_${own}`, uri: (own: string) => `counting+${own}` },
];

describe.each(endpoints)('the official client at $path', ({ path, name, uri }) => {
  let client: Client;
  const changes: string[] = [];
  const call = (tool: string, args: Record<string, unknown> = {}) =>
    client.callTool({ name: name(tool), arguments: args });

  beforeAll(async () => {
    client = new Client(
      { name: 'test', version: '2' },
      { versionNegotiation: { mode: { pin: MODERN } }, capabilities: { elicitation: {}, sampling: {} } },
    );
    client.setRequestHandler('elicitation/create', () => ({ action: 'accept', content: { colour: 'red' } }));
    client.setRequestHandler('sampling/createMessage', ({ params }) => ({
      model: 'none',
      role: 'assistant',
      content: { type: 'text', text: `said ${JSON.stringify(params.messages[0]?.content)}` },
    }));
    client.setNotificationHandler('notifications/resources/updated', ({ params }) => void changes.push(params.uri));
    client.setNotificationHandler('notifications/tools/list_changed', () => void changes.push('tools'));
    const requestInit = { headers: { authorization: `Bearer ${token}` } };
    await client.connect(new StreamableHTTPClientTransport(new URL(`${manager.url}${path}`), { requestInit }));
  });
  afterAll(() => client.close());

  it('has agreed on the newest revision, and knows whom it talks to', () => {
    expect(client.getNegotiatedProtocolVersion()).toBe(MODERN);
    expect(client.getServerVersion()?.name).toBe(path === '/mcp' ? 'mcp-session-manager' : 'counting');
    expect(client.getServerCapabilities()).toMatchObject({ tools: { listChanged: true }, resources: {} });
  });

  it('lists and calls tools, with progress', async () => {
    const { tools } = await client.listTools();
    expect(tools.map((tool) => tool.name)).toContain(name('echo'));
    expect(textOf(await call('echo', { text: 'grüße\n' }))).toBe('grüße\n');
    const seen: number[] = [];
    const onprogress = ({ progress }: { progress: number }) => void seen.push(progress);
    await client.callTool({ name: name('notify'), arguments: { n: 20 } }, { onprogress });
    expect(seen).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
  });

  it('reads resources and prompts', async () => {
    const { contents } = await client.readResource({ uri: uri('counter://value') });
    expect(contents[0]?.uri).toBe(uri('counter://value'));
    const { messages } = await client.getPrompt({ name: name('paint'), arguments: { colour: 'red' } });
    expect(JSON.stringify(messages)).toContain('Paint it red');
    await expect(client.readResource({ uri: uri('counter://none') })).rejects.toThrow();
  });

  it("[modern.input] answers the server's questions, many at once", async () => {
    expect(textOf(await call('ask'))).toBe('colour red');
    expect(textOf(await call('sample', { prompt: 'hi' }))).toContain('hi');
    const before = manager.count('ask');
    const many = await Promise.all(Array.from({ length: 5 }, () => call('ask')));
    expect(many.map(textOf)).toEqual(Array(5).fill('colour red'));
    expect(manager.count('ask')).toBe(before + 5);
  });

  it('[modern.listen.filter] is told of what changes, and of nothing else', async () => {
    const subscription = await client.listen({ resourceSubscriptions: [uri('counter://value')] });
    expect(subscription.honoredFilter).toEqual({ resourceSubscriptions: [uri('counter://value')] });
    await call('grow');
    await call('increment');
    await eventually('it was told', async () => changes.length > 0);
    expect(changes).toEqual([uri('counter://value')]);
    await subscription.close();
    const lists = await client.listen({ toolsListChanged: true });
    await call('increment');
    await call('grow');
    await eventually('it was told', async () => changes.length > 1);
    expect(changes).toEqual([uri('counter://value'), 'tools']);
    await lists.close();
  });
});

describe('on the wire', () => {
  const client = (capabilities: object = {}) => new ModernMcp(`${manager.url}/mcp/counting`, token, capabilities);

  it('[modern.discover] says what is spoken here, and how long that holds', async () => {
    const { response, headers } = await client().post('server/discover');
    expect(response.result).toMatchObject({
      resultType: 'complete',
      supportedVersions: [MODERN, '2025-11-25', '2025-06-18', '2025-03-26'],
      instructions: 'For tests.',
      ttlMs: 0,
      cacheScope: 'private',
      _meta: { 'io.modelcontextprotocol/serverInfo': { name: 'counting', version: '1.0.0' } },
    });
    expect(response.result).not.toHaveProperty('protocolVersion');
    expect(headers.get('mcp-session-id')).toBeNull();
  });

  it('[modern.method] other methods are not there, nor are other ways to ask', async () => {
    for (const method of ['initialize', 'ping', 'logging/setLevel', 'resources/subscribe', 'no/such']) {
      const { status, response } = await client().post(method);
      expect({ status, id: response.id, code: response.error?.code }).toEqual({ status: 404, id: 1, code: -32601 });
    }
    for (const method of ['GET', 'DELETE']) {
      const headers = client().headers('tools/list', {});
      expect((await fetch(`${manager.url}/mcp/counting`, { method, headers })).status).toBe(405);
    }
  });

  it('[modern.headers] refuses a request whose headers say something else than its body', async () => {
    const echo = { name: 'echo', arguments: { text: 'x' } };
    const wrong: Record<string, string | undefined>[] = [
      { 'mcp-method': 'tools/list' },
      { 'mcp-method': undefined },
      { 'mcp-name': 'sleep' },
      { 'mcp-name': undefined },
      { 'mcp-name': '=?base64?!!!?=' },
      { 'mcp-protocol-version': '2025-11-25' },
      { 'mcp-protocol-version': undefined },
    ];
    for (const headers of wrong) {
      const { status, response } = await client().post('tools/call', echo, headers);
      expect({ headers, status, id: response.id, code: response.error?.code }).toEqual({
        ...{ headers, status: 400, id: 1, code: -32020 },
      });
    }
    const encoded = { 'mcp-name': `=?base64?${Buffer.from('echo').toString('base64')}?=` };
    expect((await client().post('tools/call', echo, encoded)).response.result?.resultType).toBe('complete');
  });

  it('[modern.meta] refuses what does not say who asks, and in which revision', async () => {
    const { status, response } = await client().post('tools/list', { _meta: undefined });
    expect({ status, code: response.error?.code, id: response.id }).toEqual({ status: 400, code: -32602, id: 1 });
    const other = { ...meta(), 'io.modelcontextprotocol/protocolVersion': '2030-01-01' };
    const refused = await client().post('tools/list', { _meta: other }, { 'mcp-protocol-version': '2030-01-01' });
    expect(refused.status).toBe(400);
    expect(refused.response.error).toMatchObject({ code: -32022, data: { requested: '2030-01-01' } });
    const bare = { ...meta(), 'io.modelcontextprotocol/clientInfo': undefined };
    expect((await client().post('tools/list', { _meta: bare })).response.result?.resultType).toBe('complete');
    const level = { _meta: meta({}, { 'io.modelcontextprotocol/logLevel': 'loud' }) };
    expect((await client().post('tools/list', level)).response.error?.code).toBe(-32602);
  });

  it('[modern.log] logs for a request what it asks for', async () => {
    const log = { name: 'log', arguments: { text: 'a warning' } };
    const levels = async (logLevel?: string) => {
      const own = logLevel === undefined ? {} : { 'io.modelcontextprotocol/logLevel': logLevel };
      const { messages } = await client().post('tools/call', { ...log, _meta: meta({}, own) });
      return messages.flatMap(({ params }) => (params ? [params.level] : []));
    };
    expect(await levels()).toEqual([]);
    expect(await levels('info')).toEqual(['warning']);
    expect(await levels('error')).toEqual([]);
  });

  it('[modern.state] takes no state that it did not give, or gave for something else', async () => {
    const asking = client({ elicitation: {} });
    const first = await asking.call('ask');
    expect(first).toMatchObject({ resultType: 'input_required' });
    const [key = ''] = Object.keys(first.inputRequests ?? {});
    const answer = { inputResponses: { [key]: { action: 'accept', content: { colour: 'blue' } } } };
    const { requestState } = first;
    const code = async (name: string, more: object) =>
      (await asking.post('tools/call', { name, arguments: {}, ...answer, ...more })).response.error?.code;
    expect(await code('ask', { requestState: `${requestState}x` })).toBe(-32602);
    expect(await code('ask', { requestState: `${requestState}=` })).toBe(-32602);
    expect(await code('ask', { requestState: 5 })).toBe(-32602);
    expect(await code('crash', { requestState })).toBe(-32602);
    expect(await code('ask', { requestState, inputResponses: { [key]: 5 } })).toBe(-32602);
    const { token: foreign } = await manager.open({ servers: ['counting'] });
    const other = new ModernMcp(asking.url, foreign, { elicitation: {} });
    await expect(other.call('ask', {}, { ...answer, requestState })).rejects.toThrow('-32602');
    // Unanswered, it asks again; and answered once it is done, whatever else is said then.
    const again = await asking.call('ask', {}, { requestState });
    expect(again).toMatchObject({ resultType: 'input_required', inputRequests: first.inputRequests });
    expect(textIn(await asking.call('ask', {}, { ...answer, requestState: again.requestState }))).toBe('colour blue');
    const late = { inputResponses: { [key]: { action: 'decline' } }, requestState };
    expect(textIn(await asking.call('ask', {}, late))).toBe('colour blue');
  });

  it('[once] one key, one call, whatever the ids of other clients are', async () => {
    const before = manager.count('echo');
    const echo = { name: 'echo', arguments: { text: 'once' } };
    const key = { 'idempotency-key': 'the-same' };
    for (let n = 0; n < 3; n++) {
      const { response } = await client().post('tools/call', echo, key);
      expect(textIn(response.result ?? {})).toBe('once');
    }
    expect(manager.count('echo')).toBe(before + 1);
    const other = await client().post('tools/call', { name: 'echo', arguments: { text: 'twice' } }, key);
    expect(other).toMatchObject({ status: 422, response: { error: { code: -33012 } } });
    const two = await Promise.all(
      ['a', 'b'].map((text) => client().post('tools/call', { name: 'echo', arguments: { text } })),
    );
    expect(two.map(({ response }) => textIn(response.result ?? {}))).toEqual(['a', 'b']);
  });

  it('[modern.stream] a call that takes long is a stream without ids, which is not buffered', async () => {
    const { headers, events, response } = await client().post('tools/call', {
      name: 'sleep',
      arguments: { seconds: 1.5 },
    });
    expect(headers.get('content-type')).toContain('text/event-stream');
    expect(headers.get('x-accel-buffering')).toBe('no');
    expect(events.some(({ id }) => id !== undefined)).toBe(false);
    expect(textIn(response.result ?? {})).toBe('slept 1.5');
  });

  it('[outcome.unknown] a call whose server dies ends with an error that says so', async () => {
    const { response } = await client({ experimental: { mortal: {} } }).post('tools/call', {
      name: 'crash',
      arguments: {},
    });
    expect(response).toMatchObject({ id: 1, error: { code: -33017 } });
  });

  it('[modern.body] takes single requests, and lets notifications pass', async () => {
    const { url, token: bearer } = client();
    const post = async (body: unknown) => {
      const headers = new ModernMcp(url, bearer).headers('tools/list', {});
      const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
      return { status: answer.status, text: await answer.text() };
    };
    expect(await post({ jsonrpc: '2.0', method: 'notifications/cancelled' })).toEqual({ status: 202, text: '' });
    expect((await post([])).status).toBe(400);
    const response = await post({ jsonrpc: '2.0', id: 1, result: {} });
    expect(response.status).toBe(400);
    expect(JSON.parse((await post([])).text)).not.toHaveProperty('id');
    const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
    for (const _meta of [meta(), meta({ experimental: 'DEEP' })]) {
      const body = JSON.stringify({ jsonrpc: '2.0', id: 9, method: 'tools/list', params: { _meta, more: 'DEEP' } });
      const answer = await fetch(url, {
        method: 'POST',
        headers: new ModernMcp(url, bearer).headers('tools/list', {}),
        body: body.replaceAll('"DEEP"', deep),
      });
      expect(answer.status).toBe(400);
      expect(await answer.json()).toMatchObject({ id: 9, error: { code: -32600 } });
    }
  });
});

describe.each([
  { path: '/mcp/odd', name: (own: string) => own, uri: 'odd://x' },
  { path: '/mcp', name: (own: string) => `odd_${own}`, uri: 'odd+odd://x' },
])('a server of an earlier revision at $path', ({ path, name, uri }) => {
  const client = (capabilities: object = {}) => new ModernMcp(`${manager.url}${path}`, token, capabilities);
  const post = (capabilities: object, tool: string) =>
    client(capabilities).post('tools/call', { name: name(tool), arguments: {} });

  it('[modern.capability] that asks for what the client does not have gets no answer, and the client an error', async () => {
    const { status, response } = await post({ elicitation: {} }, 'overreach');
    expect({ status, id: response.id }).toEqual({ status: 400, id: 1 });
    expect(response.error).toMatchObject({ code: -32021, data: { requiredCapabilities: { sampling: {} } } });
  });

  it('[modern.input] may ask twice at once, once more later, and take a question back', async () => {
    const asking = client({ elicitation: {} });
    const answer = (n: number) => ({ action: 'accept', content: { n } });
    const call = (more: object) => asking.call(name('questions'), {}, more);
    const first = await call({});
    const [one = '', two = '', ...others] = Object.keys(first.inputRequests ?? {});
    expect([one, two, others]).toEqual(['elicitation-1', 'elicitation-2', []]);
    // One of two: the other is asked again, by the same name.
    const half = await call({ requestState: first.requestState, inputResponses: { [two]: answer(2), more: {} } });
    expect(Object.keys(half.inputRequests ?? {})).toEqual([one]);
    const third = await call({ requestState: half.requestState, inputResponses: { [one]: answer(1) } });
    const [last = '', ...rest] = Object.keys(third.inputRequests ?? {});
    expect([last, rest]).toEqual(['elicitation-4', []]);
    const done = await call({ requestState: third.requestState, inputResponses: { [last]: answer(3) } });
    expect(JSON.parse(textIn(done))).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
  });

  it('[modern.input] may send the user to a page first', async () => {
    const { response } = await post({ elicitation: { url: {} } }, 'page');
    const params = { mode: 'url', url: 'https://example.org/', message: 'Go there' };
    expect(response.result).toMatchObject({
      resultType: 'input_required',
      inputRequests: { 'elicitation-1': { method: 'elicitation/create', params } },
    });
    const refused = await post({ elicitation: {} }, 'page');
    expect(refused.response.error).toMatchObject({
      code: -32021,
      data: { requiredCapabilities: { elicitation: { url: {} } } },
    });
  });

  it('[modern.codes] has its errors worded anew', async () => {
    const { response } = await client().post('resources/read', { uri });
    expect(response).toMatchObject({ id: 1, error: { code: -32602, data: { uri } } });
    expect((await post({}, 'reserved')).response.error).toEqual({ code: -32603, message: 'A code of its own' });
  });

  it('[modern.headers] asks for no headers of its own', async () => {
    const { response } = await client().post('tools/list');
    expect(JSON.stringify(response.result)).toContain('region');
    expect(JSON.stringify(response.result)).not.toContain('x-mcp-header');
    const discovered = await client().post('server/discover');
    expect(discovered.response.result?.capabilities).not.toHaveProperty('tasks');
  });

  it('[modern.disconnect] is told when the client does not want the answer any more', async () => {
    const file = join(manager.workspace, 'odd');
    const heard = () => (existsSync(file) ? readFileSync(file, 'utf8').split('\n').length : 0);
    const before = heard();
    const stop = new AbortController();
    const answer = await client().send('tools/call', { name: name('hang'), arguments: {} }, { signal: stop.signal });
    expect(answer.headers.get('content-type')).toContain('text/event-stream'); // it runs, and takes long
    stop.abort();
    await eventually('it has heard', async () => heard() > before);
  });
});
