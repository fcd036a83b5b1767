import type { RpcRequest } from '../../core/json-rpc.ts';
import type { TraceContext } from '../../core/traces.ts';
import type { IncomingRequest } from './incoming.ts';
import { rewritten } from './raw-json.ts';

/** Where the caller's trace stands, as its request says (MCP 2026-07-28, basic/index, "OpenTelemetry trace context"). */
export function traceOf({ params }: Pick<RpcRequest, 'params'>): Partial<TraceContext> | undefined {
  const { traceparent, tracestate } = (params?._meta ?? {}) as Record<string, unknown>;
  if (typeof traceparent !== 'string') return undefined;
  return typeof tracestate === 'string' ? { traceparent, tracestate } : { traceparent };
}

/** The request with `context` in its `_meta`, in place of the one before. */
export function withTrace(incoming: IncomingRequest, context: TraceContext): IncomingRequest {
  const changes = { tracestate: undefined, ...context };
  return { ...incoming, payload: rewritten(incoming.payload.toString(), ['params', '_meta'], changes) };
}
