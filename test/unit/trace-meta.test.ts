import { describe, expect, it } from 'vitest';
import type { RpcRequest } from '../../src/core/json-rpc.ts';
import { traceOf, withTrace } from '../../src/gateway/mcp/trace-meta.ts';

const CONTEXT = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01' };
const OTHER = '00-11111111111111111111111111111111-2222222222222222-01';

const incoming = (payload: string) => ({ message: JSON.parse(payload) as RpcRequest, payload, key: 'k' });
const request = (params: string) => `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":${params}}`;

describe('the trace of a request', () => {
  it('is in its _meta', () => {
    const meta = `{"_meta":{"traceparent":"${OTHER}","tracestate":"a=1"}}`;
    expect(traceOf(incoming(request(meta)).message)).toEqual({ traceparent: OTHER, tracestate: 'a=1' });
    expect(traceOf(incoming(request(`{"_meta":{"traceparent":1}}`)).message)).toBeUndefined();
    expect(traceOf({})).toBeUndefined();
  });

  it('is put there in place of the one before, beside everything else', () => {
    const meta = `{"_meta":{"traceparent":"${OTHER}","tracestate":"a=1","baggage":"b=2","progressToken":7},"name":"x"}`;
    expect(JSON.parse(String(withTrace(incoming(request(meta)), CONTEXT).payload))).toEqual({
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: { name: 'x', _meta: { ...CONTEXT, baggage: 'b=2', progressToken: 7 } },
    });
  });

  it('is put into a request without params', () => {
    const { payload } = withTrace(incoming('{"jsonrpc":"2.0","id":1,"method":"ping"}'), CONTEXT);
    expect(JSON.parse(String(payload))).toMatchObject({ params: { _meta: CONTEXT } });
  });

  it('leaves numbers as the client wrote them, and text that looks like them', () => {
    const params =
      '{"name":"x","arguments":{"big":12345678901234567890,"exact":0.12345678901234567890,"text":"12345678901234567890"}}';
    const { payload } = withTrace(incoming(request(params)), CONTEXT);
    expect(payload).toContain(
      '"big":12345678901234567890,"exact":0.12345678901234567890,"text":"12345678901234567890"',
    );
  });
});
