import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { textOf } from '../support/mcp-clients.ts';
import { MODERN_VERSION, type RawModern } from '../support/raw-modern.ts';
import { changed, last, META, ModernPlace, said } from './revisions-modern-place.ts';

/** What this revision has for errors of its own; any other code of that range is not to be sent. */
const OWN_CODES = [-32020, -32021, -32022];

let place: ModernPlace;
let mcp: RawModern;
let mirror: RawModern;
let all: RawModern;
beforeAll(async () => {
  place = await ModernPlace.start('200ms');
});
afterAll(() => place?.[Symbol.asyncDispose]());
beforeEach(() => {
  mcp = place.client('/mcp/counting');
  mirror = place.client('/mcp/mirror');
  all = place.client('/mcp');
});

describe('answers', () => {
  it('[modern.stream] [modern.progress] a stream has what belongs to its request, with its token, and ends with the answer', async () => {
    for (const progressToken of ['t', 7, '7']) {
      const call = mirror.call('p', 'line', {}, { progressToken });
      const [first, second, answer, ...more] = said(await mirror.post(call));
      for (const progress of [first, second])
        expect(progress).toMatchObject({ method: 'notifications/progress', params: { progressToken } });
      expect(answer).toMatchObject({ id: 'p', result: { resultType: 'complete' } });
      expect(more).toEqual([]);
    }
    // At the same time, with the same ids and tokens: each has its own.
    const both = ['a', 'b'].map((text) => mirror.post(mirror.call(1, 'line', { text }, { progressToken: 1 })));
    for (const [index, answer] of (await Promise.all(both)).entries()) {
      expect(said(answer).map(({ method }) => method)).toEqual([
        'notifications/progress',
        'notifications/progress',
        undefined,
      ]);
      expect(textOf(last(answer).result)).toContain(index === 0 ? '"text":"a"' : '"text":"b"');
    }
  });

  it('[modern.disconnect] who leaves cancels the call, and no other', async () => {
    const stop = new AbortController();
    const lines = async () => textOf(last(await mirror.post(mirror.call(1, 'lines'))).result);
    const calls = (text: string) =>
      (JSON.parse(text) as string[]).map(
        (line) => JSON.parse(line) as { id?: unknown; method: string; params: Record<string, unknown> },
      );
    const hang = mirror.call('hang', 'hang');
    const left = fetch(mirror.url, {
      method: 'POST',
      headers: mirror.headers(hang),
      body: JSON.stringify(hang),
      signal: stop.signal,
    }).then((answer) => answer.text());
    const other = mirror.send(mirror.call('other', 'hang'));
    const failed = expect(left).rejects.toThrow();
    const hanging = async () => calls(await lines()).filter(({ params }) => params?.name === 'hang');
    await eventually('both run', async () => (await hanging()).length >= 2);
    stop.abort();
    await failed;
    const cancelled = async () => {
      const said = calls(await lines()).filter(({ method }) => method === 'notifications/cancelled');
      const ids = (await hanging()).map(({ id }) => id);
      return said.filter(({ params }) => ids.includes(params.requestId));
    };
    await eventually('it is cancelled', async () => (await cancelled()).length > 0);
    expect(await cancelled()).toHaveLength(1);
    await (await other).body?.cancel();
  });

  it('[modern.codes] a resource that is not there is -32602, and no code is of another revision', async () => {
    const missing = last(await mcp.post(mcp.request(1, 'resources/read', { uri: 'counter://none' })));
    expect(missing).toMatchObject({ id: 1, error: { code: -32602 } });
    for (const request of [
      mcp.call(2, 'no such tool'),
      mcp.call(2, 'echo', { text: 7 }),
      mcp.request(2, 'prompts/get', { name: 'none' }),
      mcp.request(2, 'completion/complete', {
        ref: { type: 'ref/prompt', name: 'none' },
        argument: { name: 'x', value: '' },
      }),
    ]) {
      const { error } = last(await mcp.post(request));
      if (!error) continue;
      expect([-32002, -32042]).not.toContain(error.code);
      if (error.code <= -32020 && error.code >= -32099) expect(OWN_CODES).toContain(error.code);
    }
  });

  it('[modern.cache] say how long they hold, and for whom, on every page', async () => {
    const hints = { ttlMs: expect.any(Number), cacheScope: 'private' };
    for (const client of [mcp, all]) {
      for (const method of [
        'server/discover',
        'tools/list',
        'prompts/list',
        'resources/list',
        'resources/templates/list',
      ])
        expect(last(await client.post(client.request(1, method))).result, method).toMatchObject(hints);
    }
    expect(last(await mcp.post(mcp.request(1, 'resources/read', { uri: 'counter://value' }))).result).toMatchObject(
      hints,
    );
    const { result } = last(await mirror.post(mirror.request(1, 'tools/list')));
    expect(result).toMatchObject({ ...hints, nextCursor: expect.any(String) });
    expect(result?.ttlMs).toBeGreaterThanOrEqual(0);
    expect(
      last(await mirror.post(mirror.request(2, 'tools/list', { cursor: result?.nextCursor }))).result,
    ).toMatchObject({
      ...hints,
      tools: [{ name: 'hang' }],
    });
    expect(last(await mcp.post(mcp.call(3, 'echo', { text: 'x' }))).result).not.toHaveProperty('ttlMs');
  });

  it('[modern.log] log messages come only to whoever asks for them, from the level that it asked for', async () => {
    const logged = async (meta: object) =>
      said(await mcp.post(mcp.call(1, 'log', { text: 'x' }, meta))).filter(
        ({ method }) => method === 'notifications/message',
      );
    expect(await logged({})).toEqual([]);
    expect(await logged({ [`${META}/logLevel`]: 'debug' })).toMatchObject([
      { params: { level: 'warning', data: 'x' } },
    ]);
    expect(await logged({ [`${META}/logLevel`]: 'error' })).toEqual([]);
    expect(await logged({})).toEqual([]);
  });
});

describe('without sessions', () => {
  it('[modern.discover] says versions, capabilities and who it is', async () => {
    expect(last(await mcp.post(mcp.request('d', 'server/discover')))).toMatchObject({
      id: 'd',
      result: {
        resultType: 'complete',
        supportedVersions: expect.arrayContaining([MODERN_VERSION, '2025-11-25']),
        capabilities: { tools: {}, prompts: {}, resources: {}, completions: {}, logging: {} },
        instructions: 'For tests.',
        _meta: { [`${META}/serverInfo`]: { name: 'counting', version: '1.0.0' } },
      },
    });
    expect(last(await all.post(all.request(1, 'server/discover'))).result).toMatchObject({
      capabilities: { tools: {} },
    });
  });

  it('[modern.stateless] no session id is given, and one that is sent means nothing', async () => {
    const more = { 'mcp-session-id': 'made-up', 'last-event-id': 'counting.x.1.MQ' };
    const answer = await mcp.post(mcp.call(1, 'echo', { text: 'x' }), more);
    expect(answer.status).toBe(200);
    expect(last(answer)).toMatchObject({ result: { content: [{ text: 'x' }] } });
    expect(answer.headers.get('mcp-session-id')).toBeNull();
    const { events } = await mcp.post(mcp.call(1, 'sleep', { seconds: 1 }), more);
    expect(events.length).toBeGreaterThan(0);
    expect(events.every(({ id }) => id === undefined)).toBe(true);
  });

  it('[modern.stateless] [modern.input] a question is answered after the gateway was killed and started again', async () => {
    mcp.capabilities = { elicitation: {} };
    const call = mcp.call(1, 'ask');
    const before = place.manager.count('ask');
    const { result } = last(await mcp.post(call));
    await place.manager.kill('SIGKILL');
    await place.manager.start();
    mcp = place.client('/mcp/counting');
    mcp.capabilities = { elicitation: {} };
    const [key] = Object.keys(result?.inputRequests as object);
    const inputResponses = { [key as string]: { action: 'accept', content: { colour: 'blue' } } };
    const retry = changed({ ...call, id: 2 }, { requestState: result?.requestState, inputResponses });
    expect(last(await mcp.post(retry))).toMatchObject({
      id: 2,
      result: { resultType: 'complete', content: [{ text: 'colour blue' }] },
    });
    expect(place.manager.count('ask')).toBe(before + 1);
  });

  it('[modern.lists] lists are the same whatever was asked before, and by whomever', async () => {
    const names = async (client: RawModern) => {
      const { tools } = last(await client.post(client.request(1, 'tools/list'))).result as {
        tools: { name: string }[];
      };
      return tools.map(({ name }) => name);
    };
    const before = await names(mcp);
    await mcp.post(mcp.call(1, 'echo', { text: 'x' }));
    await mcp.post(mcp.request(1, 'prompts/list'));
    const other = place.client('/mcp/counting');
    other.capabilities = { sampling: {}, elicitation: {} };
    expect(await names(mcp)).toEqual(before);
    expect(await names(other)).toEqual(before);
  });
});
