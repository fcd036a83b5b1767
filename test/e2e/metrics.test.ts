import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Agent, type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { METRICS } from '../../src/telemetry/metrics/catalogue.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { TestManager } from '../support/manager.ts';
import { connect, textOf } from '../support/mcp-clients.ts';
import { metricsOf, type Shown } from '../support/metrics-of.ts';
import { callTool, RawMcp, rpc } from '../support/raw-mcp.ts';
import { MODERN_VERSION, RawModern } from '../support/raw-modern.ts';
import { RedisServer } from '../support/redis.ts';
import { requires } from '../support/requires.ts';
import { RawSse } from './http-sse-client.ts';

const COUNTING = fileURLToPath(new URL('../fakes/servers/counting-server.ts', import.meta.url));
const DURATION = 'mcp_server_operation_duration_seconds';

requires('redis')('metrics of a manager', () => {
  let redis: RedisServer;
  let manager: TestManager;
  let port: number;
  let first: Shown;
  /** Metrics of which a series was seen that is not as it was in the beginning. */
  const moved = new Set<string>();

  beforeAll(async () => {
    redis = await RedisServer.start();
    port = await freePort();
    manager = await TestManager.start({
      servers: {
        counting: { command: 'node', args: [COUNTING], tools: ['echo', 'sleep', 'crash', 'notify'] },
        broken: { command: 'node', args: ['-e', 'process.exit(7)'] },
        mute: { command: 'node', args: ['-e', 'setInterval(() => {}, 1000)'] },
      },
      env: {
        MCP_SESSION_MANAGER_METRICS_PORT: String(port),
        MCP_SESSION_MANAGER_STORE: redis.url,
        MCP_SESSION_MANAGER_HOLD_DEADLINE: '6s',
        MCP_SESSION_MANAGER_STREAM_AFTER: '200ms',
      },
    });
    first = await metricsOf(port);
  }, 60_000);
  afterAll(async () => {
    await manager[Symbol.asyncDispose]();
    await redis[Symbol.asyncDispose]();
  });

  const shown = async (): Promise<Shown> => {
    const now = await metricsOf(port);
    for (const [series, value] of now.series)
      if (first.series.get(series) !== value) moved.add(series.replace(/(_bucket|_sum|_count)?(\{.*)?$/, ''));
    return now;
  };
  /** What `work` adds to a metric. */
  const added = async (work: () => Promise<unknown>, name: string, labels: Record<string, string> = {}) => {
    const before = (await shown()).sum(name, labels) ?? 0;
    await work();
    return ((await shown()).sum(name, labels) ?? 0) - before;
  };
  const is = (what: string, value: number, name: string, labels: Record<string, string> = {}) =>
    eventually(what, async () => (await shown()).sum(name, labels) === value);
  /** Waits until the answer that a stream has told is counted too: who posted the call hears of it by itself. */
  const counts = async (work: () => Promise<unknown>, name: string, labels: Record<string, string> = {}) => {
    const before = (await shown()).sum(name, labels) ?? 0;
    await work();
    await is('it is counted', before + 1, name, labels);
  };
  const counted = (version: string, error = '', tool = 'echo') => ({
    mcp_method_name: 'tools/call',
    gen_ai_tool_name: tool,
    error_type: error,
    mcp_protocol_version: version,
  });
  const token = async (servers = ['counting'], more: object = {}) => (await manager.open({ servers, ...more })).token;
  const raw = async (version = '2025-11-25', path = '/mcp/counting', of?: string): Promise<RawMcp> => {
    const client = new RawMcp(`${manager.url}${path}`, of ?? (await token()));
    await client.initialize(version);
    return client;
  };
  const echo = callTool(1, 'echo', { text: 'a' });

  it.each(['2025-11-25', '2025-06-18', '2025-03-26'])('a call of %s counts once', async (version) => {
    const opened = { mcp_protocol_version: version };
    let client: RawMcp | undefined;
    const open = async () => {
      client = await raw(version);
    };
    expect(await added(open, 'mcp_connections_opened_total', opened)).toBe(1);
    expect(await added(() => (client as RawMcp).post(echo), `${DURATION}_count`, counted(version))).toBe(1);
    expect(await added(() => (client as RawMcp).post(echo), `${DURATION}_count`)).toBe(1);
    expect(await added(() => (client as RawMcp).post(echo), 'mcp_gateway_added_seconds_count')).toBe(1);
  });

  it('each request of a batch counts once', async () => {
    const client = await raw('2025-03-26');
    const batch = [echo, callTool(2, 'echo', { text: 'b' }), rpc(3, 'ping'), { jsonrpc: '2.0', method: 'x' }];
    expect(await added(() => client.post(batch), `${DURATION}_count`, counted('2025-03-26'))).toBe(2);
    expect(await added(() => client.post(batch), `${DURATION}_count`)).toBe(3);
  });

  it('a call of 2026-07-28 counts once, and opens a connection once', async () => {
    const client = new RawModern(`${manager.url}/mcp/counting`, await token());
    const call = () => client.post(client.call(1, 'echo', { text: 'a' }));
    const opened = { mcp_protocol_version: MODERN_VERSION };
    expect(await added(call, 'mcp_connections_opened_total', opened)).toBe(1);
    expect(await added(call, 'mcp_connections_opened_total')).toBe(0);
    expect(await added(call, `${DURATION}_count`, counted(MODERN_VERSION))).toBe(1);
    expect(await added(call, `${DURATION}_count`)).toBe(1);
  });

  it('a call of HTTP+SSE counts once, when it is answered', async () => {
    const of = await token();
    using client = await RawSse.open(`${manager.url}/sse/counting`, of);
    const opened = { mcp_protocol_version: '2024-11-05' };
    expect(await added(() => client.initialize(), 'mcp_connections_opened_total', opened)).toBe(1);
    await counts(() => client.ask(echo), `${DURATION}_count`, counted('2024-11-05'));
    await counts(() => client.ask(rpc(5, 'ping')), `${DURATION}_count`);
    const sleep = counted('2024-11-05', '', 'sleep');
    const slept = () => counts(() => client.ask(callTool(6, 'sleep', { seconds: 0.3 })), `${DURATION}_count`, sleep);
    expect(await added(slept, `${DURATION}_sum`, sleep)).toBeGreaterThanOrEqual(0.3);
    await counts(
      () => client.ask(callTool(7, 'echo', { text: 1 })),
      `${DURATION}_count`,
      counted('2024-11-05', 'tool_error'),
    );
  });

  it('a call of HTTP+SSE that its client gives up, or whose connection is opened anew, was not served', async () => {
    using client = await RawSse.open(`${manager.url}/sse/counting`, await token());
    await client.initialize();
    const cancelled = counted('2024-11-05', 'cancelled', 'sleep');
    const sleeps = async (id: number) =>
      expect((await client.post(callTool(id, 'sleep', { seconds: 60 }))).status).toBe(202);
    const ends = async (end: () => Promise<unknown>) => {
      const before = (await shown()).sum(`${DURATION}_count`, { gen_ai_tool_name: 'sleep' }) ?? 0;
      await end();
      await eventually(
        'it has ended',
        async () => ((await shown()).sum(`${DURATION}_count`, { gen_ai_tool_name: 'sleep' }) ?? 0) > before,
      );
    };
    await sleeps(8);
    const givesUp = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 8 } };
    expect(await added(() => ends(() => client.post(givesUp)), `${DURATION}_count`, cancelled)).toBe(1);
    await sleeps(9);
    expect(await added(() => ends(() => client.initialize()), `${DURATION}_count`, cancelled)).toBe(1);
  });

  it('what a client takes to send its body is no time of the gateway', async () => {
    const { url, token: bearer, id } = await raw();
    const sends = async () => {
      const headers = { ...Object.fromEntries(new RawMcp(url, bearer).headers()), 'mcp-session-id': id as string };
      const sent = request(url, { method: 'POST', headers });
      const answered = once(sent, 'response');
      sent.flushHeaders();
      await systemClock.sleep(3000);
      sent.end(JSON.stringify(echo));
      const [answer] = (await answered) as [IncomingMessage];
      expect(answer.resume().statusCode).toBe(200);
    };
    expect(await added(sends, 'mcp_gateway_added_seconds_sum')).toBeLessThan(3);
  });

  it('the time for which a request lies before a gateway that gets nothing done is its own', async () => {
    const { url, token: bearer, id } = await raw();
    const headers = { ...Object.fromEntries(new RawMcp(url, bearer).headers()), 'mcp-session-id': id as string };
    const agent = new Agent({ keepAlive: true });
    const answered = async (between?: () => Promise<void>) => {
      const sent = request(url, { method: 'POST', headers, agent });
      const response = once(sent, 'response');
      await new Promise<void>((written) => void sent.end(JSON.stringify(echo), written));
      await between?.();
      const [answer] = (await response) as [IncomingMessage];
      await once(answer.resume(), 'end');
      return sent.reusedSocket;
    };
    await answered(); // the balancer has its connections
    const stopped = async () => {
      process.kill(manager.pid, 'SIGSTOP');
      try {
        expect(await answered(() => systemClock.sleep(500).then(goesOn))).toBe(true);
      } finally {
        goesOn();
      }
    };
    const goesOn = () => void process.kill(manager.pid, 'SIGCONT');
    expect(await added(stopped, 'mcp_gateway_added_seconds_sum')).toBeGreaterThan(0.45);
    agent.destroy();
  });

  it('a client that says its revision in no words is told what is wrong with that', async () => {
    const client = await raw();
    const _meta = { 'io.modelcontextprotocol/protocolVersion': { toString: 1 } };
    const strange = () =>
      client.post({ ...echo, params: { ...echo.params, _meta } }, { 'mcp-protocol-version': undefined });
    expect((await strange()).status).toBe(400);
    expect(await added(strange, `${DURATION}_count`, { mcp_protocol_version: 'other', error_type: 'client' })).toBe(1);
  });

  it('a client of all servers at once, by the official SDK', async () => {
    const client = await connect(`${manager.url}/mcp`, await token());
    const call = () => client.callTool({ name: 'counting_echo', arguments: { text: 'x' } });
    expect(await added(call, `${DURATION}_count`, counted('2025-11-25'))).toBe(1);
    const list = { mcp_method_name: 'tools/list', error_type: '' };
    expect(await added(() => client.listTools(), `${DURATION}_count`, list)).toBe(1);
    expect(textOf(await call())).toBe('x');
    await client.close();
  });

  it('failures count by whose fault they are', async () => {
    const client = await raw();
    const version = '2025-11-25';
    const count = `${DURATION}_count`;
    const wrong = () => client.post(callTool(1, 'echo', { text: 1 }));
    expect(await added(wrong, count, counted(version, 'tool_error'))).toBe(1);
    expect(
      await added(() => client.post(rpc(1, 'resources/read', { uri: 'no:thing' })), count, { error_type: 'rpc_error' }),
    ).toBe(1);
    expect(
      await added(() => client.post(callTool(2, 'crash')), count, counted(version, 'outcome_unknown', 'crash')),
    ).toBe(1);
    const stranger = () => client.post(echo, { 'mcp-session-id': 'a'.repeat(32) });
    expect(await added(stranger, count, counted(version, 'client'))).toBe(1);
    const gone = new AbortController();
    const sleeps = async () => {
      const body = JSON.stringify(callTool(3, 'sleep', { seconds: 30 }));
      const sent = fetch(client.url, { method: 'POST', headers: client.headers(), body, signal: gone.signal });
      await is('it is a stream', 1, 'mcp_gateway_streams', { kind: 'answer' });
      gone.abort();
      await sent.then((answer) => answer.text()).catch(() => {});
      await is('it has ended', 0, 'mcp_gateway_streams', { kind: 'answer' });
    };
    expect(await added(sleeps, count, counted(version, 'cancelled', 'sleep'))).toBe(1);
    const of = await token(['broken']);
    const refused = () => raw(version, '/mcp/broken', of);
    expect(await added(refused, 'mcp_connections_failed_total', { reason: 'unavailable' })).toBe(1);
    expect(await added(refused, count, { mcp_method_name: 'initialize', error_type: 'unavailable' })).toBe(1);
  });

  it('requests that wait are held until they are served, time out, or their client goes', async () => {
    const of = await token(['counting'], { lazy: true });
    expect(
      await added(() => raw('2025-11-25', '/mcp/counting', of), 'mcp_gateway_held_total', { outcome: 'served' }),
    ).toBe(1);
    const mute = await token(['mute']);
    const waits = async () => {
      const sent = raw('2025-11-25', '/mcp/mute', mute);
      await is('it waits', 1, 'mcp_gateway_held_requests');
      await sent;
    };
    expect(await added(waits, 'mcp_gateway_held_total', { outcome: 'timed_out' })).toBe(1);
    await is('nobody waits', 0, 'mcp_gateway_held_requests');
  });

  it('what clients listen to, what they come back to, and what is not kept any more', async () => {
    const client = await raw();
    const stop = new AbortController();
    const get = (more: Record<string, string> = {}) =>
      fetch(client.url, { headers: client.headers(more), signal: stop.signal });
    const listening = await get();
    await is('it is one', 1, 'mcp_gateway_streams', { kind: 'standalone' });
    const modern = new RawModern(client.url, client.token);
    const listen = modern.request(1, 'subscriptions/listen', { notifications: { toolsListChanged: true } });
    const subscribed = await fetch(modern.url, {
      method: 'POST',
      headers: modern.headers(listen),
      body: JSON.stringify(listen),
      signal: stop.signal,
    });
    await is('it is one', 1, 'mcp_gateway_streams', { kind: 'subscription' });
    using _sse = await RawSse.open(`${manager.url}/sse/counting`, client.token);
    await is('it is one', 1, 'mcp_gateway_streams', { kind: 'sse' });
    const id = Buffer.from('9').toString('base64url');
    const back = async () => (await get({ 'last-event-id': `counting.nothing.3.${id}` })).text();
    expect(await added(back, 'mcp_gateway_streams_resumed_total')).toBe(1);
    expect(await added(back, 'mcp_gateway_stream_gaps_total')).toBe(1);
    expect((await shown()).sum('mcp_gateway_links')).toBeGreaterThan(0);
    stop.abort();
    await Promise.all([listening, subscribed].map((answer) => answer.text().catch(() => {})));
    await is('it has ended', 0, 'mcp_gateway_streams', { kind: 'standalone' });
    await is('it has ended', 0, 'mcp_gateway_streams', { kind: 'subscription' });
  });

  it('a host that dies under a call is a link that was lost', async () => {
    const { session, token: of } = await manager.open();
    const client = await raw('2025-11-25', '/mcp/counting', of);
    const dies = async () => {
      const call = client.post(callTool(1, 'sleep', { seconds: 60 }));
      await eventually('it runs', async () => (await shown()).sum('mcp_gateway_streams', { kind: 'answer' }) === 1);
      // No other session's: all would be started again at once.
      process.kill(Number((await manager.view(session.id)).servers[0]?.instance), 'SIGKILL');
      await call;
    };
    expect(await added(dies, 'mcp_gateway_links_lost_total')).toBeGreaterThan(0);
  });

  it('sessions are made, found again, and ended by somebody', async () => {
    const before = await shown();
    const terminal = { name: 'again', host: 'elsewhere' };
    const { session } = await manager.open({ terminal });
    await manager.open({ terminal });
    await manager.api('DELETE', `/api/sessions/${session.id}`);
    const other = await manager.open();
    const password = readFileSync(join(manager.state, 'admin-password'), 'utf8').trim();
    const login = await manager.api<{ token: string }>('POST', '/admin/api/login', {
      username: 'admin',
      password,
    });
    await manager.api('DELETE', `/admin/api/sessions/${other.session.id}`, undefined, login.token);
    const after = await shown();
    const more = (name: string, labels = {}) => (after.sum(name, labels) ?? 0) - (before.sum(name, labels) ?? 0);
    expect(more('mcp_sessions_created_total')).toBe(2);
    expect(more('mcp_sessions_resumed_total')).toBe(1);
    expect(more('mcp_sessions_ended_total', { reason: 'owner' })).toBe(1);
    expect(more('mcp_sessions_ended_total', { reason: 'admin' })).toBe(1);
    expect(more('mcp_session_lifetime_seconds_count')).toBe(2);
    expect(more('mcp_admin_logins_total', { outcome: 'done' })).toBe(1);
  });

  it('logins that are refused', async () => {
    const login = { username: 'nobody', password: 'wrong' };
    const told = () => manager.api('POST', '/admin/api/login', login).catch(({ message }: Error) => message);
    const triesUntil = (status: number) => () =>
      eventually(`it is told ${status}`, async () => String(await told()).includes(`/login: ${status} `));
    expect(await added(triesUntil(401), 'mcp_admin_logins_total', { outcome: 'refused' })).toBe(1);
    expect(await added(triesUntil(429), 'mcp_admin_logins_total', { outcome: 'throttled' })).toBe(1);
  });

  it('a session that was ended is over; one whose record has gone is lost', async () => {
    const ended = await manager.open();
    const client = await raw('2025-11-25', '/mcp/counting', ended.token);
    expect(await added(() => client.post(echo), 'mcp_gateway_cache_total', { result: 'hit' })).toBe(1);
    expect(await added(() => client.post(echo), 'mcp_session_lookups_total', { result: 'alive' })).toBe(1);
    await manager.api('DELETE', `/api/sessions/${ended.session.id}`);
    const refused = async () => expect((await client.post(echo)).status).toBe(404);
    expect(await added(refused, 'mcp_session_lookups_total', { result: 'over' })).toBe(1);
    expect((await shown()).sum('mcp_session_lost_total')).toBe(0);

    const gone = await manager.open();
    const unlucky = await raw('2025-11-25', '/mcp/counting', gone.token);
    const store = new Redis(redis.url);
    expect(await store.del(`mcp:{${gone.session.id}}:session`)).toBe(1);
    store.disconnect();
    await eventually('it is missed', async () => (await unlucky.post(echo)).status === 404);
    const after = await shown();
    expect(after.sum('mcp_session_lost_total')).toBeGreaterThan(0);
    expect(after.sum('mcp_session_lookups_total', { result: 'lost' })).toBe(after.sum('mcp_session_lost_total'));
  });

  it('a store that does not answer', async () => {
    const of = await token();
    expect((await shown()).sum('mcp_store_up')).toBe(1);
    redis.pause();
    try {
      const waits = () => raw('2025-11-25', '/mcp/counting', of);
      expect(await added(waits, 'mcp_session_lookups_total', { result: 'unknown' })).toBe(1);
      const now = await shown();
      expect(now.sum('mcp_store_up')).toBe(0);
      expect(now.sum('mcp_gateway_ready')).toBe(0);
      expect(now.sum('mcp_store_errors_total', { reason: 'unavailable' })).toBeGreaterThan(0);
    } finally {
      redis.resume();
    }
    await is('it answers again', 1, 'mcp_gateway_ready');
  });

  it.each([
    ['full', 'maxmemory', '1', '0'],
    ['without the replicas that it wants', 'min-replicas-to-write', '1', '0'],
  ])('a store that answers and refuses to write, being %s', async (_, setting, bad, good) => {
    const store = new Redis(redis.url);
    try {
      await store.config('SET', setting, bad);
      await is('it is not up', 0, 'mcp_store_up');
      expect((await shown()).sum('mcp_gateway_ready')).toBe(1);
    } finally {
      await store.config('SET', setting, good);
      store.disconnect();
    }
    await is('it is up', 1, 'mcp_store_up');
  });

  it('whatever clients say, the number of series is bounded', async () => {
    const client = await raw();
    const hostile = async (from: number) => {
      for (let n = from; n < from + 1500; n += 50)
        await Promise.all(
          Array.from({ length: 50 }, (_, k) =>
            client.post(
              k % 2 ? callTool(1, `tool-${n}-${k}"}{`) : rpc(1, `method/${n}/${k}\n`),
              k % 3 ? {} : { 'mcp-protocol-version': `20${n}-${k}` },
            ),
          ),
        );
    };
    // Node's collector shows each of its ways when it has gone it; what the loop waits for is another each time.
    const isLasting = (key: string) => !/^nodejs_(?:gc|active)_/.test(key);
    const count = async () => [...(await shown()).series.keys()].filter(isLasting).length;
    await hostile(0);
    const before = await count();
    await hostile(2000);
    expect(await count()).toBe(before);
  }, 60_000);

  requires('promtool')('promtool', () => {
    it('finds nothing wrong with what is shown', async () => {
      const { stdout, stderr, status } = spawnSync('promtool', ['check', 'metrics'], { input: (await shown()).text });
      expect(`${stdout}${stderr}`).toBe('');
      expect(status).toBe(0);
    });
  });

  it('a manager that ends drains, and still shows it; by then every metric of gateways has moved', async () => {
    const client = await raw('2025-06-18'); // which has nothing to come back with: it is let finish
    const call = client.post(callTool(1, 'sleep', { seconds: 5 })).catch(() => {});
    await is('it runs', 1, 'mcp_gateway_streams', { kind: 'answer' });
    process.kill(manager.pid, 'SIGTERM');
    await is('it drains', 1, 'mcp_gateway_draining');
    await call;
    const own = Object.entries(METRICS).filter(([, { roles }]) => (roles as readonly string[]).includes('gateway'));
    const still = own.map(([name]) => name).filter((name) => !moved.has(name));
    // The one says the same from the beginning; of the other controller-metrics.test.ts has more.
    expect(still).toEqual(['mcp_build_info', 'mcp_instance_queue_rejected_total']);
  });
});
