import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { CleanupResult } from '../../src/core/api.ts';
import { systemClock } from '../../src/core/clock.ts';
import { openProcessTable } from '../../src/os/open-process-table.ts';
import { eventually } from '../support/eventually.ts';
import { connect, textOf } from '../support/mcp-clients.ts';
import { type Answer, callTool, eventsOf, messagesOf, RawMcp, type ServerEvent, VERSION } from '../support/raw-mcp.ts';
import { Replicas } from '../support/replicas.ts';
import { requires } from '../support/requires.ts';
import { RoundRobin } from '../support/round-robin.ts';

/** One client of `counting` whose requests go to the gateway that it is told. */
class Roaming {
  readonly replicas: Replicas;
  readonly token: string;
  readonly version: string;
  id: string | undefined;

  constructor(replicas: Replicas, token: string, version: string) {
    this.replicas = replicas;
    this.token = token;
    this.version = version;
  }

  at(n: number): RawMcp {
    const raw = new RawMcp(`${this.replicas.gateway(n).url}/mcp/counting`, this.token);
    raw.id = this.id;
    raw.version = this.version;
    return raw;
  }

  async initialize(n: number): Promise<void> {
    const raw = this.at(n);
    expect((await raw.initialize(this.version)).status).toBe(200);
    this.id = raw.id;
  }
}

/** The text of a tool's answer, whether it came at once or in a stream. */
const resultOf = ({ json, events }: Answer): string =>
  textOf((messagesOf(events)[0] ?? (json as { result: unknown })).result);

/** A stream that was read up to its first id, which is what one comes back with. */
async function begun(response: Response): Promise<{ id: string; reader: ReadableStreamDefaultReader }> {
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  for (let text = ''; ; ) {
    const { done, value } = await reader.read();
    if (done) throw new Error(`the stream has no event with an id: ${text}`);
    text += Buffer.from(value).toString();
    const id = /^id: (.+)\n/m.exec(text)?.[1];
    if (id !== undefined) return { id, reader };
  }
}

/** All messages of a stream, to its end. */
async function messagesIn(response: Response) {
  const events: ServerEvent[] = [];
  for await (const event of eventsOf(response)) events.push(event);
  return messagesOf(events);
}

requires('redis')('several gateways, two controllers', () => {
  let replicas: Replicas;
  beforeAll(async () => {
    replicas = await Replicas.start(3, 2);
  }, 60_000);
  afterAll(() => replicas[Symbol.asyncDispose]());

  async function client(version = VERSION): Promise<Roaming & { readonly session: string }> {
    const { session, token } = await replicas.open();
    const roaming = Object.assign(new Roaming(replicas, token, version), { session: session.id });
    await roaming.initialize(0);
    return roaming;
  }

  it('[replicas.any] a client is served whichever replica its requests meet', async () => {
    const roaming = await client();
    for (let n = 0; n < 7; n++) {
      const answer = await roaming.at(n).post(callTool(n, 'echo', { text: `at ${n}` }));
      expect(resultOf(answer)).toBe(`at ${n}`);
    }
    const before = replicas.count('sleep');
    const { id, reader } = await begun(await roaming.at(0).send('POST', callTool('long', 'sleep', { seconds: 3 })));
    await reader.cancel();
    const resumed = await roaming.at(1).send('GET', undefined, { 'last-event-id': id });
    expect(await messagesIn(resumed)).toMatchObject([{ id: 'long', result: { content: [{ text: 'slept 3' }] } }]);
    expect(replicas.count('sleep')).toBe(before + 1);
    const { servers, connections } = await replicas.view(2, roaming.session);
    expect(connections).toBe(1);
    expect(servers).toMatchObject([{ name: 'counting', state: 'ready' }]);
    expect(servers[0]?.memoryBytes).toBeGreaterThan(1_000_000);
    expect((await roaming.at(2).send('DELETE', undefined)).status).toBe(200);
    // Also where it was known: everybody hears that it is over.
    await eventually('it is over everywhere', async () => {
      for (const n of [0, 1, 2]) {
        const { status } = await roaming.at(n).post(callTool('x', 'echo', { text: 'x' }));
        if (status !== 404) return false;
      }
      return true;
    });
  });

  it('a connection that one replica has ended is over at the others, also if they do not hear of it', async () => {
    const roaming = await client();
    const status = async (n: number) => (await roaming.at(n).post(callTool('x', 'echo', { text: 'x' }))).status;
    expect([await status(0), await status(1)]).toEqual([200, 200]);
    const redis = new Redis(replicas.redis.url);
    try {
      await redis.acl('SETUSER', 'default', '-publish');
      expect((await roaming.at(1).send('DELETE', undefined)).status).toBe(200);
      await eventually('the other was told by its host', async () => (await status(0)) === 404);
      expect((await roaming.at(0).send('GET', undefined)).status).toBe(404);
      expect((await replicas.view(0, roaming.session)).connections).toBe(0);
    } finally {
      await redis.acl('SETUSER', 'default', '+publish');
      await redis.quit();
    }
  });

  it('[once] a call whose replica is killed before it says anything is had from another by its key, and ran once', async () => {
    const roaming = await client();
    const before = replicas.count('sleep');
    const key = { 'idempotency-key': 'one-and-the-same' };
    const lost = roaming.at(0).post(callTool(1, 'sleep', { seconds: 3 }), key);
    const failed = expect(lost).rejects.toThrow();
    await eventually('the call runs', async () => replicas.count('sleep') > before);
    await replicas.gateway(0).kill();
    await failed;
    expect(resultOf(await roaming.at(1).post(callTool(1, 'sleep', { seconds: 3 }), key))).toBe('slept 3');
    expect(replicas.count('sleep')).toBe(before + 1);
    await replicas.gateway(0).start();
  });

  it('a stream whose replica is killed goes on at another, where its client comes back', async () => {
    const roaming = await client();
    const before = replicas.count('sleep');
    const { id, reader } = await begun(await roaming.at(1).send('POST', callTool(1, 'sleep', { seconds: 4 })));
    const broken = expect(reader.read()).rejects.toThrow();
    await replicas.gateway(1).kill();
    await broken;
    const resumed = await roaming.at(2).send('GET', undefined, { 'last-event-id': id });
    expect(await messagesIn(resumed)).toMatchObject([{ id: 1, result: { content: [{ text: 'slept 4' }] } }]);
    expect(replicas.count('sleep')).toBe(before + 1);
    await replicas.gateway(1).start();
  });

  it('[replicas.controller] when the controller in charge is killed the other one takes over, with a higher epoch, what it finds', async () => {
    const roaming = await client();
    const { program, epoch } = await replicas.inCharge();
    const [server] = (await replicas.view(1, roaming.session)).servers;
    await program.kill();
    const instance = Number(server?.instance);
    process.kill(instance, 'SIGKILL');
    await eventually('it is gone', async () => openProcessTable().identity(instance) === undefined);
    // Nobody is in charge: the call waits for whoever starts the server again.
    expect(resultOf(await roaming.at(1).post(callTool(1, 'echo', { text: 'on' })))).toBe('on');
    const next = await replicas.inCharge();
    expect(next.program).not.toBe(program);
    expect(next.epoch).toBeGreaterThan(epoch);
    const [after] = (await replicas.view(1, roaming.session)).servers;
    expect(after).toMatchObject({ state: 'ready', restarts: 1 });
    // What the API asks of a controller finds the new one.
    const { orphans } = await eventually('it answers', () =>
      replicas.api<CleanupResult>(2, 'POST', '/api/cleanup').catch(() => undefined),
    );
    expect(orphans).toBe(0);
    await program.start();
  });

  it('a replica that is asked to end is not ready first, still serves, ends its streams and then itself', {
    timeout: 60_000,
  }, async () => {
    // What is looked at while it drains takes a moment.
    await using patient = await Replicas.start(1, 1, { MCP_SESSION_MANAGER_DRAIN: '6s' });
    const roaming = new Roaming(patient, (await patient.open()).token, VERSION);
    await roaming.initialize(0);
    const leaving = patient.gateway(0);
    const stream = await roaming.at(0).send('GET', undefined);
    const events = eventsOf(stream);
    expect((await events.next()).value).toHaveProperty('retry');
    leaving.signal('SIGTERM');
    await eventually('it is not ready', async () => (await fetch(`${leaving.url}/readyz`)).status === 503);
    const { status, headers } = await roaming.at(0).post(callTool(1, 'echo', { text: 'still' }));
    expect({ status, connection: headers.get('connection') }).toEqual({ status: 200, connection: 'close' });
    expect((await fetch(`${leaving.url}/livez`)).status).toBe(200);
    let ended = false;
    while (!ended) ended = (await events.next()).done === true; // cleanly, or this would throw
    expect(await leaving.gone()).toBe(0);
  });

  it('a replica that is asked to end waits for a call that its client could not come back for', async () => {
    const roaming = await client('2025-06-18'); // its streams begin without an id
    const leaving = replicas.gateway(2);
    const before = replicas.count('sleep');
    const call = roaming.at(2).post(callTool(1, 'sleep', { seconds: 4 })); // four times what everybody gets
    await eventually('the call runs', async () => replicas.count('sleep') > before);
    leaving.signal('SIGTERM');
    expect(resultOf(await call)).toBe('slept 4');
    expect(await leaving.gone()).toBe(0);
    await leaving.start();
  });

  it('[replicas.rolling] replicas are restarted one by one under steady calls: no client sees an error, each call runs once', {
    timeout: 120_000,
  }, async () => {
    await using balancer = await RoundRobin.start(() => replicas.gateways.map(({ url }) => url));
    const stop = new AbortController();
    const before = { increment: replicas.count('increment'), sleep: replicas.count('sleep') };
    // Short calls, each of which has to find what the one before has left; and long ones, for which a replica does not wait.
    const worker = async (tool: 'increment' | 'sleep', expected: (calls: number) => string) => {
      const { token } = await replicas.open();
      const mcp = await connect(`${balancer.url}/mcp/counting`, token);
      let calls = 0;
      while (!stop.signal.aborted) {
        const answer = await mcp.callTool({ name: tool, arguments: tool === 'sleep' ? { seconds: 3 } : {} });
        calls += 1;
        expect(textOf(answer)).toBe(expected(calls));
        await systemClock.sleep(20);
      }
      await mcp.close();
      return calls;
    };
    const counters = [1, 2, 3].map(() => worker('increment', String));
    const sleepers = [1, 2, 3].map(() => worker('sleep', () => 'slept 3'));
    const workers = [...counters, ...sleepers];
    const roll = async () => {
      for (const gateway of replicas.gateways) {
        gateway.signal('SIGTERM');
        expect(await gateway.gone()).toBe(0);
        await gateway.start();
      }
    };
    await Promise.race([roll(), Promise.all(workers)]);
    stop.abort();
    const sum = async (made: readonly Promise<number>[]) => (await Promise.all(made)).reduce((a, b) => a + b, 0);
    expect(replicas.gateways.every(({ log }) => !log.includes('ending'))).toBe(true); // all of them are new
    expect(await sum(counters)).toBeGreaterThan(10);
    expect(replicas.count('increment') - before.increment).toBe(await sum(counters));
    expect(replicas.count('sleep') - before.sleep).toBe(await sum(sleepers));
  });
});
