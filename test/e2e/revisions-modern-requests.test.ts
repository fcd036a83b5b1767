import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { rpc } from '../support/raw-mcp.ts';
import { MODERN_VERSION, type ModernRequest, type RawModern } from '../support/raw-modern.ts';
import { changed, last, META, ModernPlace, said } from './revisions-modern-place.ts';

let place: ModernPlace;
let mcp: RawModern;
let mirror: RawModern;
let all: RawModern;
beforeAll(async () => {
  place = await ModernPlace.start();
});
afterAll(() => place?.[Symbol.asyncDispose]());
beforeEach(() => {
  mcp = place.client('/mcp/counting');
  mirror = place.client('/mcp/mirror');
  all = place.client('/mcp');
});

describe('the endpoint', () => {
  it('[modern.endpoint] takes POST alone', async () => {
    for (const method of ['GET', 'DELETE', 'PUT']) {
      const headers = mcp.headers(mcp.request(1, 'tools/list'));
      const answer = await fetch(mcp.url, { method, headers });
      expect({ status: answer.status, allow: answer.headers.get('allow') }).toEqual({ status: 405, allow: 'POST' });
    }
  });

  it('[modern.origin] is closed to foreign origins', async () => {
    const { status } = await mcp.post(mcp.request(1, 'tools/list'), { origin: 'http://evil.example' });
    expect(status).toBe(403);
    expect((await mcp.post(mcp.request(1, 'tools/list'), { origin: 'http://localhost:1' })).status).toBe(200);
  });

  it('[modern.body] takes one request or notification', async () => {
    const headers = mcp.headers(mcp.request(1, 'tools/list'));
    const post = (body: object) => fetch(mcp.url, { method: 'POST', headers, body: JSON.stringify(body) });
    const meta = mcp.request(1, 'tools/list').params;
    for (const body of [
      [mcp.request(1, 'tools/list')],
      [],
      { jsonrpc: '2.0', id: 1, result: {} },
      { jsonrpc: '2.0', id: 1, error: { code: 1, message: '' } },
    ])
      expect((await post(body)).status, JSON.stringify(body)).toBe(400);
    const notified = await post({ jsonrpc: '2.0', method: 'notifications/cancelled', params: meta });
    expect({ status: notified.status, body: await notified.text() }).toEqual({ status: 202, body: '' });
  });

  it('[modern.content] [modern.id] [modern.result-type] answers as JSON or as a stream, with the id of the request', async () => {
    for (const id of [0, -3, '', 'é']) {
      const answer = await mcp.post(mcp.call(id, 'echo', { text: 'x' }));
      expect(answer.headers.get('content-type')).toBe('application/json');
      expect(answer.json).toMatchObject({ id, result: { resultType: 'complete', content: [{ text: 'x' }] } });
      const wrong = await mcp.post(mcp.call(id, 'no such tool'));
      expect(last(wrong).id).toBe(id);
    }
    for (const method of [
      'tools/list',
      'prompts/list',
      'resources/list',
      'resources/templates/list',
      'server/discover',
    ])
      for (const client of [mcp, all])
        expect(last(await client.post(client.request(1, method))).result, method).toMatchObject({
          resultType: 'complete',
        });
    await using quick = await ModernPlace.start('200ms');
    mcp = quick.client('/mcp/counting');
    for (const id of [0, -3, '', 'é']) {
      const slow = await mcp.post(mcp.call(id, 'sleep', { seconds: 1 }));
      expect(slow.headers.get('content-type')).toBe('text/event-stream');
      expect(said(slow)).toMatchObject([{ id, result: { resultType: 'complete', content: [{ text: 'slept 1' }] } }]);
    }
  });
});

describe('headers', () => {
  it('[modern.version-header] the version is in header and body, and the same', async () => {
    for (const version of [undefined, '2025-11-25', 'x', '']) {
      const { status, json } = await mcp.post(mcp.request(8, 'tools/list'), { 'mcp-protocol-version': version });
      expect({ status, json }, version).toMatchObject({ status: 400, json: { id: 8, error: { code: -32020 } } });
    }
    const other = changed(mcp.request(9, 'tools/list'), {
      _meta: { ...mcp.request(9, 'tools/list').params._meta, [`${META}/protocolVersion`]: '2025-11-25' },
    });
    expect(await mcp.post(other)).toMatchObject({ status: 400, json: { id: 9, error: { code: -32020 } } });
  });

  it('[modern.headers] method and name are in header and body, and the same; base64 is decoded', async () => {
    const echo = mcp.call(1, 'echo', { text: 'x' });
    const read = mcp.request(2, 'resources/read', { uri: 'counter://value' });
    const encoded = (text: string) => `=?base64?${Buffer.from(text).toString('base64')}?=`;
    const bad: [ModernRequest, Record<string, string | undefined>][] = [
      [echo, { 'mcp-method': undefined }],
      [echo, { 'mcp-method': 'tools/list' }],
      [echo, { 'mcp-method': 'TOOLS/CALL' }],
      [echo, { 'mcp-name': undefined }],
      [echo, { 'mcp-name': 'whoami' }],
      [echo, { 'mcp-name': 'ECHO' }],
      [echo, { 'mcp-name': encoded('whoami') }],
      [echo, { 'mcp-name': '=?base64?!!!?=' }],
      [echo, { 'mcp-name': '=?BASE64?ZWNobw==?=' }],
      [read, { 'mcp-name': 'counter://other' }],
      [mcp.request(3, 'prompts/get', { name: 'paint', arguments: { colour: 'red' } }), { 'mcp-name': undefined }],
    ];
    for (const [request, more] of bad) {
      const answer = await mcp.post(request, more);
      expect(answer, JSON.stringify(more)).toMatchObject({
        status: 400,
        json: { id: request.id, error: { code: -32020 } },
      });
    }
    expect(await mcp.post(echo, { 'mcp-name': encoded('echo') })).toMatchObject({ status: 200, json: { id: 1 } });
    expect(await mcp.post(read, { 'mcp-name': encoded('counter://value') })).toMatchObject({ status: 200 });
    // Refused by the server itself, by its name: the header was right.
    const foreign = mcp.call(4, 'färbe');
    expect((await mcp.post(foreign, { 'mcp-name': encoded('färbe') })).status).toBe(200);
  });

  it('[modern.header-case] names of headers may be written in any case', async () => {
    const body = mcp.call(1, 'echo', { text: 'case' });
    const headers = Object.fromEntries([...mcp.headers(body)].map(([name, value]) => [name.toUpperCase(), value]));
    const status = await new Promise((resolve, reject) => {
      const req = httpRequest(mcp.url, { method: 'POST', headers }, (res) => resolve(res.resume().statusCode));
      req.on('error', reject).end(JSON.stringify(body));
    });
    expect(status).toBe(200);
  });

  it('[modern.param-headers] parameters in headers that no tool asked for are ignored', async () => {
    const more = { 'mcp-param-text': 'other', 'mcp-param-x': '=?base64?!?=' };
    expect(await mcp.post(mcp.call(1, 'echo', { text: 'x' }), more)).toMatchObject({
      status: 200,
      json: { result: { content: [{ text: 'x' }] } },
    });
    const { result } = last(await mcp.post(mcp.request(1, 'tools/list')));
    expect(JSON.stringify(result)).not.toContain('x-mcp-header');
  });
});

describe('what a request says of its client', () => {
  it('[modern.version] a version that is not spoken here is refused with those that are', async () => {
    for (const version of ['1900-01-01', '2027-01-01', 'v999']) {
      const request = changed(mcp.request(5, 'tools/list'), {
        _meta: { ...mcp.request(5, 'tools/list').params._meta, [`${META}/protocolVersion`]: version },
      });
      expect(await mcp.post(request, { 'mcp-protocol-version': version })).toMatchObject({
        status: 400,
        json: {
          id: 5,
          error: {
            code: -32022,
            data: { requested: version, supported: expect.arrayContaining([MODERN_VERSION, '2025-11-25']) },
          },
        },
      });
    }
  });

  it('[modern.method] a method that is not there, or no longer, gets 404', async () => {
    for (const method of ['initialize', 'ping', 'logging/setLevel', 'resources/subscribe', 'no/such', 'tasks/list'])
      expect(await mcp.post(mcp.request(6, method)), method).toMatchObject({
        status: 404,
        json: { id: 6, error: { code: -32601 } },
      });
    // One that this gateway passes on, and the server behind it does not have.
    const unknown = await mirror.post(mirror.request(7, 'prompts/list'));
    expect(last(unknown)).toMatchObject({ id: 7 });
  });

  it('[modern.meta] version and capabilities are needed, the name is not', async () => {
    const { _meta } = mcp.request(3, 'tools/list').params;
    for (const key of ['clientCapabilities', 'protocolVersion']) {
      const { [`${META}/${key}`]: _, ...rest } = _meta;
      expect(await mcp.post(changed(mcp.request(3, 'tools/list'), { _meta: rest })), key).toMatchObject({
        status: 400,
        json: { id: 3, error: { code: -32602 } },
      });
    }
    const { [`${META}/clientInfo`]: _, ...unnamed } = _meta;
    expect((await mcp.post(changed(mcp.request(3, 'tools/list'), { _meta: unnamed }))).status).toBe(200);
    const headers = mcp.headers(mcp.request(3, 'tools/list'));
    const bare = await fetch(mcp.url, { method: 'POST', headers, body: JSON.stringify(rpc(3, 'tools/list')) });
    expect({ status: bare.status, json: await bare.json() }).toMatchObject({
      status: 400,
      json: { id: 3, error: { code: -32602 } },
    });
  });

  it('[modern.capability] [modern.input.declared] what needs a capability that is not declared is refused by its name', async () => {
    for (const [method, declared, required, more] of [
      ['elicitation/create', {}, { elicitation: {} }],
      ['sampling/createMessage', { elicitation: {} }, { sampling: {} }],
      [
        'elicitation/create',
        { elicitation: {} },
        { elicitation: { url: {} } },
        { mode: 'url', url: 'http://localhost/' },
      ],
      ['sampling/createMessage', { sampling: {} }, { sampling: { tools: {} } }, { tools: [] }],
    ] as const) {
      mirror.capabilities = declared;
      await mirror.post(mirror.request(1, 'tools/list')); // its server is up: a stream that had begun would say 200
      expect(await mirror.post(mirror.call(2, 'ask', { method, more }))).toMatchObject({
        status: 400,
        json: { id: 2, error: { code: -32021, data: { requiredCapabilities: required } } },
      });
    }
    mirror.capabilities = { sampling: {} };
    const answer = last(await mirror.post(mirror.call(2, 'ask', { method: 'sampling/createMessage' })));
    expect(answer).toMatchObject({ id: 2, result: { resultType: 'input_required' } });
  });

  it('[modern.extensions] an extension that is not offered changes nothing', async () => {
    mcp.capabilities = { extensions: { 'example.org/x': { y: 1 }, [`${META}/tasks`]: {} } };
    const { result } = last(await mcp.post(mcp.call(1, 'echo', { text: 'x' })));
    expect(result).toMatchObject({ resultType: 'complete', content: [{ text: 'x' }] });
  });
});
