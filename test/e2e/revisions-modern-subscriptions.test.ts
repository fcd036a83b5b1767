import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { eventsOf } from '../support/raw-mcp.ts';
import type { RawModern } from '../support/raw-modern.ts';
import { META, type ModernMessage, ModernPlace } from './revisions-modern-place.ts';

const SUBSCRIPTION = `${META}/subscriptionId`;

let place: ModernPlace;
let mcp: RawModern;
beforeAll(async () => {
  place = await ModernPlace.start();
});
afterAll(() => place?.[Symbol.asyncDispose]());
beforeEach(() => {
  mcp = place.client('/mcp/counting');
});

describe('subscriptions', () => {
  /** Reads a subscription in the background. */
  async function listen(client: RawModern, id: number | string, notifications: object) {
    const response = await client.send(client.request(id, 'subscriptions/listen', { notifications }));
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    const messages: ModernMessage[] = [];
    const ended = (async () => {
      for await (const event of eventsOf(response)) if (event.data) messages.push(JSON.parse(event.data));
    })();
    await eventually('the acknowledgment', async () => messages.length > 0);
    return { messages, ended, methods: () => messages.map(({ method }) => method) };
  }

  it('[modern.listen.first] [modern.listen.id] [modern.listen.filter] begin with what is taken, and have only what was asked for', async () => {
    const tools = await listen(mcp, 'tools', { toolsListChanged: true });
    const updates = await listen(mcp, 7, { resourceSubscriptions: ['counter://value'] });
    const nothing = await listen(mcp, 'nothing', {});
    expect(tools.messages[0]).toMatchObject({
      method: 'notifications/subscriptions/acknowledged',
      params: { notifications: { toolsListChanged: true } },
    });
    expect(updates.messages[0]?.params?.notifications).toEqual({ resourceSubscriptions: ['counter://value'] });
    expect(nothing.messages[0]?.params?.notifications).toEqual({});
    await mcp.post(mcp.call(1, 'increment', {}));
    await mcp.post(mcp.call(2, 'grow', {}));
    await mcp.post(mcp.call(3, 'log', { text: 'x' }, { [`${META}/logLevel`]: 'debug' }));
    await mcp.post(mcp.call(4, 'notify', { n: 2 }, { progressToken: 1 }));
    await eventually('both are told', async () => tools.messages.length > 1 && updates.messages.length > 1);
    // One more, after which nothing of what came before is still on its way.
    await mcp.post(mcp.call(5, 'grow', {}));
    await eventually('it is told again', async () => tools.messages.length > 2);
    expect(new Set(tools.methods().slice(1))).toEqual(new Set(['notifications/tools/list_changed']));
    expect(new Set(updates.methods().slice(1))).toEqual(new Set(['notifications/resources/updated']));
    expect(nothing.messages).toHaveLength(1);
    for (const [{ messages }, id] of [
      [tools, 'tools'],
      [updates, 7],
      [nothing, 'nothing'],
    ] as const)
      for (const { params } of messages) expect(params?._meta?.[SUBSCRIPTION]).toBe(id);
  });

  it('[modern.listen.end] are ended with a result when the gateway ends, and with their session', async () => {
    const first = await listen(mcp, 'x', { toolsListChanged: true });
    await place.manager.kill('SIGTERM');
    await first.ended;
    await place.manager.start();
    const second = await listen(place.client('/mcp/counting'), 'y', { toolsListChanged: true });
    await place.manager.api('DELETE', `/api/sessions/${place.session}`);
    await second.ended;
    for (const [{ messages }, id] of [
      [first, 'x'],
      [second, 'y'],
    ] as const) {
      expect(messages.find(({ method }) => method === 'notifications/cancelled')).toMatchObject({
        params: { requestId: id },
      });
      expect(messages.at(-1)).toMatchObject({
        id,
        result: { resultType: 'complete', _meta: { [SUBSCRIPTION]: id } },
      });
    }
  });
});
