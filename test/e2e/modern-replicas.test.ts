import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { TestManager } from '../support/manager.ts';
import { eventsOf } from '../support/raw-mcp.ts';
import { Replicas } from '../support/replicas.ts';
import { requires } from '../support/requires.ts';
import { ModernMcp, type ModernMessage, textIn } from './modern-requests.ts';

/** Reads a stream, message by message, into `into`; resolves at its end. */
async function read(response: Response, into: ModernMessage[]): Promise<void> {
  for await (const { data } of eventsOf(response)) if (data) into.push(JSON.parse(data) as ModernMessage);
}

requires('redis')('several gateways', () => {
  let replicas: Replicas;
  let token: string;
  beforeAll(async () => {
    replicas = await Replicas.start(3, 1, { MCP_SESSION_MANAGER_DRAIN: '0ms' });
    ({ token } = await replicas.open());
  });
  afterAll(() => replicas[Symbol.asyncDispose]());
  const at = (n: number) => new ModernMcp(`${replicas.gateway(n).url}/mcp/counting`, token, { elicitation: {} });

  it('[modern.input] a question asked through one is answered through another, once', async () => {
    const asked = await at(0).call('ask');
    const [key = ''] = Object.keys(asked.inputRequests ?? {});
    const inputResponses = { [key]: { action: 'accept', content: { colour: 'green' } } };
    const more = { inputResponses, requestState: asked.requestState };
    expect(textIn(await at(1).call('ask', {}, more))).toBe('colour green');
    expect(textIn(await at(2).call('ask', {}, more))).toBe('colour green');
    expect(replicas.count('ask')).toBe(1);
  });

  it('[modern.listen.filter] each listener at each gateway is told of everything, and of the end', async () => {
    const heard: ModernMessage[][] = [[], []];
    const ended = [];
    for (const [n, messages] of heard.entries()) {
      const notifications = { toolsListChanged: true, resourceSubscriptions: ['counter://value'] };
      const response = await at(n).send('subscriptions/listen', { notifications });
      ended.push(read(response, messages));
    }
    await eventually('both listen', async () => heard.every((messages) => messages.length === 1));
    await at(2).call('grow');
    await at(2).call('increment');
    await eventually('both have heard', async () => heard.every((messages) => messages.length === 3));
    replicas.gateway(1).signal('SIGTERM');
    await ended[1];
    expect(await replicas.gateway(1).gone()).toBe(0);
    const id = { _meta: { 'io.modelcontextprotocol/subscriptionId': 1 } };
    expect(heard[1]?.map(({ method }) => method)).toEqual([
      'notifications/subscriptions/acknowledged',
      'notifications/tools/list_changed',
      'notifications/resources/updated',
      'notifications/cancelled',
      undefined,
    ]);
    for (const message of heard[1] ?? []) expect(message.params ?? message.result).toMatchObject(id);
    expect(heard[1]?.at(-1)).toMatchObject({ id: 1, result: { resultType: 'complete' } });
    expect(heard[0]).toHaveLength(3);
    await replicas.api(
      0,
      'DELETE',
      `/api/sessions/${(await replicas.api<{ sessions: { id: string }[] }>(0, 'GET', '/api/sessions')).sessions[0]?.id}`,
    );
    await ended[0];
    expect(heard[0]?.at(-1)).toMatchObject({ id: 1, result: { resultType: 'complete' } });
  });

  it('[once] a call whose gateway was killed goes on at another, by its key', async () => {
    ({ token } = await replicas.open());
    const sleep = { name: 'sleep', arguments: { seconds: 3 } };
    const headers = { 'idempotency-key': 'sent-again' };
    const lost = at(2)
      .send('tools/call', sleep, { headers })
      .then((answer) => answer.text());
    lost.catch(() => {}); // cut off
    await eventually('it runs', async () => replicas.count('sleep') === 1);
    await replicas.gateway(2).kill();
    const { response } = await at(0).post('tools/call', sleep, headers);
    expect(textIn(response.result ?? {})).toBe('slept 3');
    expect(replicas.count('sleep')).toBe(1);
  });
});

it('[modern.stateless] a call that is running when the manager ends is asked for again, and goes on', async () => {
  await using manager = await TestManager.start();
  const { token } = await manager.open();
  const client = () => new ModernMcp(`${manager.url}/mcp/counting`, token);
  const sleep = { name: 'sleep', arguments: { seconds: 8 } };
  const running = client().post('tools/call', sleep);
  await eventually('it runs', async () => manager.count('sleep') === 1);
  await manager.kill('SIGTERM');
  const { response } = await running;
  expect(response.result).toMatchObject({ resultType: 'input_required', requestState: expect.any(String) });
  expect(response.result).not.toHaveProperty('inputRequests');
  await manager.start();
  const again = await client().post('tools/call', { ...sleep, requestState: response.result?.requestState });
  expect(textIn(again.response.result ?? {})).toBe('slept 8');
  expect(manager.count('sleep')).toBe(1);
});

it('[modern.listen.filter] a subscription goes on when the instance of its server is another', async () => {
  await using manager = await TestManager.start();
  const { session, token } = await manager.open();
  const client = new ModernMcp(`${manager.url}/mcp/counting`, token);
  const heard: ModernMessage[] = [];
  const stop = new AbortController();
  const notifications = { resourceSubscriptions: ['counter://value'] };
  const response = await client.send('subscriptions/listen', { notifications }, { signal: stop.signal });
  const ended = read(response, heard).catch(() => {}); // it is cut off at the end
  await eventually('it listens', async () => heard.length === 1);
  process.kill(Number((await manager.view(session.id)).servers[0]?.instance), 'SIGKILL');
  await eventually('it may have changed', async () => heard.length > 1);
  const before = heard.length;
  await eventually('it has changed', async () => {
    await client.call('increment');
    return heard.length > before;
  });
  expect(new Set(heard.slice(1).map(({ method, params }) => `${method} ${params?.uri}`))).toEqual(
    new Set(['notifications/resources/updated counter://value']),
  );
  stop.abort();
  await ended;
});
