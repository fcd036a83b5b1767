import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ERRORS } from '../../src/core/errors.ts';
import { ModernMcp, modernEvent } from '../fakes/bridge-modern-mcp.ts';
import { FakeManager } from '../fakes/fake-manager.ts';
import { reply, resultOf, stream } from '../fakes/fake-mcp.ts';
import { BridgeClient, modern, progress } from '../support/bridge-client.ts';
import { eventually } from '../support/eventually.ts';

let manager: FakeManager;
let mcp: ModernMcp;
let client: BridgeClient;
beforeEach(async () => {
  manager = await FakeManager.start();
  mcp = new ModernMcp(manager);
  client = new BridgeClient(manager);
});
afterEach(async () => {
  await client.end();
  await manager[Symbol.asyncDispose]();
});

const posts = (method: string) => manager.requests('POST', '/mcp').filter(({ body }) => body.method === method);
const keysOf = (method: string) => new Set(posts(method).map(({ headers }) => headers['idempotency-key']));
const call = (id: number) => modern(id, 'tools/call', { name: 'x' });
const UNKNOWN = ERRORS['call.outcome-unknown'].rpc;

describe('a modern call', () => {
  it('is posted again under its key when it was cut off before any answer', async () => {
    mcp.on('tools/call', ({ body }, response, times) => {
      if (times < 3) response.destroy();
      else reply(response, resultOf(body.id, {}));
    });
    client.start();
    client.send(call(1));
    expect(await client.answer(1)).toEqual(resultOf(1, {}));
    expect(posts('tools/call')).toHaveLength(3);
    expect(keysOf('tools/call').size).toBe(1);
  });

  it('is posted again under its key when its stream broke; what is repeated then is left out', async () => {
    mcp.on('tools/call', ({ body }, response, times) => {
      stream(response, `retry: 60000\nid: 1\n${modernEvent(progress(1))}${modernEvent(progress(1))}`);
      if (times === 1) response.write(modernEvent(progress(2)), () => response.destroy());
      else if (times === 2) response.write(modernEvent(progress(2)), () => response.end());
      else response.write([progress(2), progress(3), resultOf(body.id, {})].map(modernEvent).join(''));
    });
    client.start();
    client.send(call(1));
    await client.answer(1);
    expect(client.messages).toEqual([progress(1), progress(1), progress(2), progress(3), resultOf(1, {})]);
    expect(keysOf('tools/call').size).toBe(1);
    expect(manager.requests('GET', '/mcp')).toHaveLength(0);
  });

  it('is told whatever is new when nothing is repeated', async () => {
    mcp.on('tools/call', ({ body }, response, times) => {
      stream(response, modernEvent(progress(times)));
      if (times === 1) response.end();
      else response.write(modernEvent(progress(1)) + modernEvent(resultOf(body.id, {})));
    });
    client.start();
    client.send(call(1));
    await client.answer(1);
    expect(client.messages).toEqual([progress(1), progress(2), progress(1), resultOf(1, {})]);
  });

  it('waits for a gateway that is busy, and for one that is not there', async () => {
    mcp.on('tools/call', ({ body }, response, times) => {
      response.setHeader('retry-after', '0.01');
      if (times < 3) reply(response, { jsonrpc: '2.0', id: body.id, error: { code: -33016, message: 'busy' } }, 503);
      else reply(response, resultOf(body.id, {}));
    });
    client.start();
    client.send(modern('d', 'server/discover'));
    await client.answer('d');
    await manager.stop();
    client.send(call(1));
    await manager.listen();
    expect(await client.answer(1)).toEqual(resultOf(1, {}));
    expect(keysOf('tools/call').size).toBe(1);
  });

  it('is attached to across a restart of the gateway', async () => {
    mcp.on('tools/call', ({ body }, response, times) => {
      stream(response, modernEvent(progress(1)));
      if (times > 1) response.write(modernEvent(resultOf(body.id, {})));
    });
    client.start();
    client.send(call(1));
    await eventually('the progress', async () => client.messages.length === 1);
    await manager.stop();
    await manager.listen();
    expect(await client.answer(1)).toEqual(resultOf(1, {}));
    expect(client.messages).toHaveLength(2);
  });

  it('passes on that its outcome is unknown', async () => {
    const error = { code: UNKNOWN, message: 'the instance ended while it ran this call' };
    mcp.on('tools/call', ({ body }, response, times) => {
      stream(response, ': \n\n');
      if (times === 1) response.destroy();
      else response.write(modernEvent({ jsonrpc: '2.0', id: body.id, error }));
    });
    client.start();
    client.send(call(1));
    expect((await client.answer(1)).error).toEqual(error);
  });
});

describe('a client never hangs', () => {
  it.each([
    ['breaks every stream', (response: Parameters<typeof stream>[0]) => stream(response, modernEvent(progress(1)))],
    ['answers nothing', () => {}],
  ])('on a gateway that %s', async (_, answer) => {
    const serve = (response: Parameters<typeof stream>[0]) => {
      answer(response);
      if (response.headersSent) response.end();
    };
    mcp.on('tools/call', (__, response) => serve(response)).on('tools/list', (__, response) => serve(response));
    client.start({ HTTP_TIMEOUT: '300' });
    client.send(call(1), modern(2, 'tools/list'));
    expect((await client.answer(1)).error.code).toBe(UNKNOWN);
    expect((await client.answer(2)).error.code).toBe(ERRORS['manager.unreachable'].rpc);
  });

  it('on a gateway that went away for good', async () => {
    client.start({ HTTP_TIMEOUT: '300' });
    client.send(modern('d', 'server/discover'));
    await client.answer('d');
    await manager.stop();
    client.send(call(1), modern(2, 'subscriptions/listen', { notifications: {} }));
    for (const id of [1, 2]) {
      expect((await client.answer(id)).error).toMatchObject({
        code: ERRORS['manager.unreachable'].rpc,
        message: expect.stringContaining('npm start'),
      });
    }
    await manager.listen();
  });
});

describe('a session that is over', () => {
  const over = (id: unknown) => ({ jsonrpc: '2.0', id, error: { code: -32001, message: 'over' } });

  it('is replaced by another', async () => {
    client.start();
    client.send(modern('d', 'server/discover'));
    await client.answer('d');
    manager.sessions.clear();
    mcp.on('tools/call', ({ body }, response, times) => {
      if (times === 1) reply(response, over(body.id), 404);
      else reply(response, resultOf(body.id, {}));
    });
    client.send(call(1));
    expect(await client.answer(1)).toEqual(resultOf(1, {}));
    const [session] = manager.sessions.keys();
    expect(posts('tools/call').at(-1)?.headers.authorization).toBe(`Bearer ${manager.tokenOf(session ?? '')}`);
  });

  it.each([
    [404, (id: unknown) => over(id)],
    [401, () => ({ error: { code: 'auth.invalid', message: 'no' } })],
  ])('with HTTP %i, does not have a call run again that may have run', async (status, refusal) => {
    mcp.on('tools/call', ({ body }, response, times) => {
      if (times === 1) response.destroy();
      else reply(response, refusal(body.id), status);
    });
    client.start();
    client.send(call(1));
    expect((await client.answer(1)).error.code).toBe(UNKNOWN);
    expect(posts('tools/call')).toHaveLength(2);
  });

  it('says so when it cannot be replaced', async () => {
    mcp.on('tools/list', ({ body }, response) => reply(response, over(body.id), 404));
    client.start();
    client.send(modern(1, 'tools/list'));
    expect(await client.answer(1)).toEqual(over(1));
  });

  it('gets another token when its own is refused', async () => {
    mcp.on('tools/call', ({ body }, response, times) => {
      if (times === 1) reply(response, { error: { code: 'auth.invalid', message: 'no' } }, 401);
      else reply(response, resultOf(body.id, {}));
    });
    client.start();
    client.send(call(1));
    expect(await client.answer(1)).toEqual(resultOf(1, {}));
  });
});
