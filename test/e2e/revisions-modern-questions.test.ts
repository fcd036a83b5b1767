import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { textOf } from '../support/mcp-clients.ts';
import type { Answer } from '../support/raw-mcp.ts';
import { type ModernRequest, RawModern } from '../support/raw-modern.ts';
import { changed, last, ModernPlace } from './revisions-modern-place.ts';

let place: ModernPlace;
let mcp: RawModern;
let mirror: RawModern;
beforeAll(async () => {
  place = await ModernPlace.start();
});
afterAll(() => place?.[Symbol.asyncDispose]());
beforeEach(() => {
  mcp = place.client('/mcp/counting');
  mirror = place.client('/mcp/mirror');
});

describe('questions', () => {
  beforeEach(() => {
    mcp.capabilities = { elicitation: {}, sampling: {}, roots: {} };
  });
  const asked = async (call: ModernRequest) => last(await mcp.post(call)).result as Record<string, unknown>;

  it('[modern.input] come as a result that says what to answer, and no cache may keep', async () => {
    for (const [tool, args, method, response, text] of [
      ['ask', {}, 'elicitation/create', { action: 'accept', content: { colour: 'red' } }, 'colour red'],
      ['ask', {}, 'elicitation/create', { action: 'decline' }, 'decline'],
      [
        'sample',
        { prompt: 'hi' },
        'sampling/createMessage',
        { role: 'assistant', model: 'm', content: { type: 'text', text: 'ho' } },
        'ho',
      ],
    ] as const) {
      const call = mcp.call('q', tool, args);
      const { inputRequests, requestState, resultType, ...rest } = await asked(call);
      expect(resultType).toBe('input_required');
      expect(rest).not.toHaveProperty('ttlMs');
      expect(rest).not.toHaveProperty('cacheScope');
      const entries = Object.entries(inputRequests as Record<string, { method: string }>);
      expect(entries).toHaveLength(1);
      const [[key, question]] = entries as [[string, { method: string }]];
      expect(question.method).toBe(method);
      expect(requestState).toEqual(expect.any(String));
      const retry = changed({ ...call, id: 'r' }, { requestState, inputResponses: { [key]: response } });
      expect(await asked(retry)).toMatchObject({ resultType: 'complete', content: [{ text }] });
    }
  });

  it('[modern.input] that were not answered are asked again, and the call runs once', async () => {
    const before = place.manager.count('ask');
    const call = mcp.call(1, 'ask');
    const first = await asked(call);
    const again = await asked(changed({ ...call, id: 2 }, { requestState: first.requestState, inputResponses: {} }));
    expect(again).toMatchObject({ resultType: 'input_required', inputRequests: first.inputRequests });
    const [key] = Object.keys(again.inputRequests as object);
    const inputResponses = { [key as string]: { action: 'accept', content: { colour: 'green' } }, 'not-asked': {} };
    const done = changed({ ...call, id: 3 }, { requestState: again.requestState, inputResponses });
    expect(await asked(done)).toMatchObject({ content: [{ text: 'colour green' }] });
    expect(place.manager.count('ask')).toBe(before + 1);
  });

  it('[modern.input.where] come only for calls, prompts and resources; otherwise the server is told that nobody can be asked', async () => {
    mirror.capabilities = mcp.capabilities;
    const ref = { type: 'ref/prompt', name: 'x' };
    const answer = last(
      await mirror.post(mirror.request(1, 'completion/complete', { ref, argument: { name: 'x', value: '' } })),
    );
    expect(answer).toMatchObject({ id: 1, result: { resultType: 'complete', completion: { values: [] } } });
    expect(JSON.parse(textOf(answer.result))).toMatchObject({ error: { code: -32601 } });
  });

  it('[modern.state] are answered only with what was given for them', async () => {
    const call = mcp.call(1, 'ask');
    const { requestState, inputRequests } = (await asked(call)) as { requestState: string; inputRequests: object };
    const [key] = Object.keys(inputRequests);
    const inputResponses = { [key as string]: { action: 'accept', content: { colour: 'red' } } };
    const retry = (params: object, request = call) => changed({ ...request, id: 9 }, { inputResponses, ...params });
    const refused = (answer: Answer) => expect(last(answer)).toMatchObject({ id: 9, error: { code: -32602 } });
    for (const state of [
      `${requestState}x`,
      requestState.slice(0, -1),
      `x${requestState}`,
      requestState.toUpperCase(),
      '',
      'e30=',
      7,
      null,
      {},
    ])
      refused(await mcp.post(retry({ requestState: state })));
    // Of another request, another server, another session.
    refused(await mcp.post(retry({ requestState }, mcp.call(1, 'sample', { prompt: 'x' }))));
    refused(await mcp.post(retry({ requestState, arguments: { other: 1 } })));
    const elsewhere = place.client('/mcp');
    elsewhere.capabilities = mcp.capabilities;
    refused(await elsewhere.post(retry({ requestState }, elsewhere.call(1, 'counting_ask'))));
    const { token: foreign } = await place.manager.open();
    const thief = new RawModern(mcp.url, foreign);
    thief.capabilities = mcp.capabilities;
    refused(await thief.post(retry({ requestState })));
    for (const wrong of [null, 7, [], 'x']) refused(await mcp.post(retry({ requestState, inputResponses: wrong })));
    expect(last(await mcp.post(retry({ requestState })))).toMatchObject({
      result: { content: [{ text: 'colour red' }] },
    });
  });
});
