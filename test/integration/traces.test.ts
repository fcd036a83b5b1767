import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OtlpTraces } from '../../src/telemetry/traces.ts';
import { TraceCollector } from '../support/trace-collector.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = { traceparent: `00-${TRACE}-00f067aa0ba902b7-01`, tracestate: 'vendor=1' };

describe('spans for a collector', () => {
  let collector: TraceCollector;
  const traces = (ratio: number, url = collector.url) =>
    new OtlpTraces({ url, ratio, version: '1.2.3', instance: 'machine-1' });

  beforeEach(async () => {
    collector = await TraceCollector.start();
  });
  afterEach(async () => {
    await collector[Symbol.asyncDispose]();
  });

  it('go on with the trace of the caller, and hand it on', async () => {
    const traced = traces(0); // nothing is begun here, but the caller says that it wants to be told
    const span = traced.begin(
      'tools/call add',
      { kind: 'server', attributes: { 'mcp.method.name': 'tools/call' } },
      PARENT,
    );
    const inner = span.child('host', { at: 1_790_000_000_000 });
    inner.end(undefined, 1_790_000_000_002.5);
    span.end('unavailable');
    span.end(); // no second time
    await traced[Symbol.asyncDispose]();

    const spans = await collector.trace(TRACE, 2);
    const outer = spans.find(({ name }) => name === 'tools/call add');
    const own = outer?.spanId ?? '';
    expect(outer).toMatchObject({
      parentSpanId: '00f067aa0ba902b7',
      kind: 2,
      status: { code: 2 },
      attributes: { 'mcp.method.name': 'tools/call', 'error.type': 'unavailable' },
    });
    expect(span.context).toEqual({ traceparent: `00-${TRACE}-${own}-01`, tracestate: 'vendor=1' });
    expect(spans.find(({ name }) => name === 'host')).toMatchObject({
      parentSpanId: own,
      kind: 1,
      startTimeUnixNano: '1790000000000000000',
      endTimeUnixNano: '1790000000002500000',
    });
    expect(spans).toHaveLength(2);
  });

  it.each([
    ['no caller', undefined],
    ['a caller whose context cannot be read', { traceparent: '00-what' }],
  ])('begin a trace with %s', async (_, parent) => {
    const traced = traces(1);
    const span = traced.begin('ping', {}, parent);
    span.end();
    await traced[Symbol.asyncDispose]();
    const trace = span.context.traceparent.split('-')[1] as string;
    const [told] = await collector.trace(trace, 1);
    expect(told?.parentSpanId).toBeFalsy();
  });

  it('are not told of a caller that does not want it, nor beyond the ratio', async () => {
    const traced = traces(0);
    const unwanted = traced.begin('a', {}, { traceparent: `00-${TRACE}-00f067aa0ba902b7-00` });
    traced.begin('b').end();
    unwanted.end();
    await traced[Symbol.asyncDispose]();
    expect(collector.spans).toEqual([]);
    expect(unwanted.context.traceparent).toMatch(new RegExp(`^00-${TRACE}-[0-9a-f]{16}-00$`)); // others are told so
  });

  it('cost nothing but themselves while the collector is away', async () => {
    const traced = traces(1, 'http://127.0.0.1:9/v1/traces');
    traced.begin('ping').end();
    await expect(traced[Symbol.asyncDispose]()).resolves.toBeUndefined();
  });
});
