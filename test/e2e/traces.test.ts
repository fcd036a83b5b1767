import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Client as ClientV2, StreamableHTTPClientTransport as TransportV2 } from '@modelcontextprotocol/client';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestManager } from '../support/manager.ts';
import { connect, textOf } from '../support/mcp-clients.ts';
import { callTool, RawMcp, rpc } from '../support/raw-mcp.ts';
import { type CollectedSpan, TraceCollector } from '../support/trace-collector.ts';

const MIRROR = fileURLToPath(new URL('./revisions-mirror.ts', import.meta.url));
const SERVER = 2;
const CLIENT = 3;
const INTERNAL = 1;

let collector: TraceCollector;
let manager: TestManager;
let token: string;
beforeAll(async () => {
  collector = await TraceCollector.start();
  manager = await TestManager.start({
    servers: { mirror: { command: 'node', args: [MIRROR] } },
    env: { MCP_SESSION_MANAGER_TRACES_URL: collector.url, MCP_SESSION_MANAGER_STREAM_AFTER: '60s' },
  });
  ({ token } = await manager.open({ servers: ['mirror', 'counting'] }));
});
afterAll(async () => {
  await manager?.[Symbol.asyncDispose]();
  await collector?.[Symbol.asyncDispose]();
});

/** A trace of a client's own, and the `_meta` that says so. */
function clientTrace() {
  const [trace, span] = [randomBytes(16).toString('hex'), randomBytes(8).toString('hex')];
  return { trace, span, meta: { traceparent: `00-${trace}-${span}-01`, tracestate: 'client=1' } };
}

/** Whom the server was told to belong to, in its own call's line. */
function toldServer(result: unknown): { readonly traceparent: string; readonly tracestate: string } {
  return (JSON.parse(textOf(result)) as { params: { _meta: { traceparent: string; tracestate: string } } }).params
    ._meta;
}

const one = (spans: readonly CollectedSpan[], kind: number): CollectedSpan => {
  const found = spans.filter((span) => span.kind === kind);
  expect(found).toHaveLength(1);
  return found[0] as CollectedSpan;
};

const bearing = () => ({ requestInit: { headers: { authorization: `Bearer ${token}` } } });
const CLIENTS = {
  '2025-11-25': async () => {
    const client = await connect(`${manager.url}/mcp/mirror`, token);
    return { client, call: (params: object) => client.callTool(params as never) };
  },
  '2026-07-28': async () => {
    const client = new ClientV2({ name: 'v2', version: '1' }, { versionNegotiation: { mode: 'auto' } });
    await client.connect(new TransportV2(new URL(`${manager.url}/mcp/mirror`), bearing()));
    return { client, call: (params: object) => client.callTool(params as never) };
  },
  '2024-11-05': async () => {
    const client = new Client({ name: 'sse', version: '1' });
    await client.connect(new SSEClientTransport(new URL(`${manager.url}/sse/mirror`), bearing()));
    return { client, call: (params: object) => client.callTool(params as never) };
  },
} as const;

describe('a call in a trace of its client', () => {
  it.each(Object.keys(CLIENTS) as (keyof typeof CLIENTS)[])(
    'of revision %s is followed to its server',
    async (revision) => {
      const { client, call } = await CLIENTS[revision]();
      const { trace, span, meta } = clientTrace();
      const told = toldServer(await call({ name: 'line', arguments: { a: 1 }, _meta: meta }));
      await client.close();
      const hasHost = revision !== '2024-11-05'; // there the answer goes another way than the call
      const spans = await collector.trace(trace, hasHost ? 3 : 2);
      const [outer, wait] = [one(spans, SERVER), one(spans, CLIENT)];
      expect(outer).toMatchObject({ name: 'tools/call line', parentSpanId: span, status: { code: 0 } });
      expect(outer.attributes).toMatchObject({ 'mcp.method.name': 'tools/call', 'gen_ai.tool.name': 'line' });
      expect(wait).toMatchObject({ parentSpanId: outer.spanId, attributes: { 'peer.service': 'mirror' } });
      expect(told).toMatchObject({ traceparent: `00-${trace}-${wait.spanId}-01`, tracestate: 'client=1' });
      if (!hasHost) return;
      const host = one(spans, INTERNAL);
      expect(host).toMatchObject({ name: 'host mirror', parentSpanId: wait.spanId });
      expect(BigInt(host.endTimeUnixNano)).toBeGreaterThanOrEqual(BigInt(host.startTimeUnixNano));
      expect(JSON.stringify(spans)).not.toContain('"a"'); // nothing of what is in a call
    },
  );

  it('may be told by the HTTP request alone; an error says of what kind', async () => {
    const mcp = new RawMcp(`${manager.url}/mcp/mirror`, token);
    await mcp.initialize();
    const { trace, meta } = clientTrace();
    await mcp.post(rpc(7, 'tools/list', { cursor: 'none' }), { traceparent: meta.traceparent });
    const spans = await collector.trace(trace, 3);
    expect(one(spans, SERVER)).toMatchObject({
      name: 'tools/list',
      status: { code: 2 },
      attributes: { 'error.type': 'rpc_error', 'jsonrpc.request.id': '7' },
    });
    expect(one(spans, CLIENT).attributes).toMatchObject({ 'error.type': 'rpc_error' });
  });

  it('is one of many in a batch, each in its own trace', async () => {
    const mcp = new RawMcp(`${manager.url}/mcp/mirror`, token);
    await mcp.initialize('2025-03-26');
    const traces = [clientTrace(), clientTrace()];
    const calls = traces.map(({ meta }, n) => rpc(n + 1, 'tools/call', { name: 'line', arguments: {}, _meta: meta }));
    await mcp.post(calls as never);
    for (const { trace } of traces) expect(await collector.trace(trace, 3)).toHaveLength(3);
  });

  it('goes with notifications too, which end when they are on their way', async () => {
    const mcp = new RawMcp(`${manager.url}/mcp/mirror`, token);
    await mcp.initialize();
    const { trace, meta } = clientTrace();
    await mcp.post({ jsonrpc: '2.0', method: 'notifications/roots/list_changed', params: { _meta: meta } });
    expect(one(await collector.trace(trace, 1), SERVER).name).toBe('notifications/roots/list_changed');
  });

  it('at /mcp asks the server that it is for', async () => {
    const mcp = new RawMcp(`${manager.url}/mcp`, token);
    await mcp.initialize();
    const { trace, meta } = clientTrace();
    const answer = await mcp.post(rpc(1, 'tools/call', { name: 'mirror_line', arguments: {}, _meta: meta }));
    const spans = await collector.trace(trace, 3);
    expect(one(spans, CLIENT)).toMatchObject({ attributes: { 'peer.service': 'mirror', 'gen_ai.tool.name': 'line' } });
    expect(answer.status).toBe(200);
  });
});

describe('a call in no trace', () => {
  it('begins one', async () => {
    const mcp = new RawMcp(`${manager.url}/mcp/mirror`, token);
    await mcp.initialize();
    const { json } = await mcp.post(callTool('lonely', 'line'));
    const { traceparent } = toldServer((json as { result: unknown }).result);
    const spans = await collector.trace(traceparent.split('-')[1] as string, 3);
    expect(one(spans, SERVER).parentSpanId).toBeFalsy();
  });

  it('stays as the client wrote it where nothing is traced', async () => {
    await using plain = await TestManager.start({
      servers: { mirror: { command: 'node', args: [MIRROR] } },
      env: { MCP_SESSION_MANAGER_STREAM_AFTER: '60s' },
    });
    const opened = await plain.open({ servers: ['mirror'] });
    const mcp = new RawMcp(`${plain.url}/mcp/mirror`, opened.token);
    await mcp.initialize();
    const { json } = await mcp.post(callTool(1, 'line'));
    expect(textOf((json as { result: unknown }).result)).not.toContain('traceparent');
  });
});
