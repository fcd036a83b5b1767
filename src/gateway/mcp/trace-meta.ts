import type { RpcRequest } from '../../core/json-rpc.ts';
import type { TraceContext } from '../../core/traces.ts';
import type { IncomingRequest } from './incoming.ts';

/** Of Node 21 and later: the lib of this project's language level does not have it yet. */
const { rawJSON } = JSON as unknown as { readonly rawJSON: (text: string) => unknown };
/** A number that JavaScript may not hold exactly. */
const LONG_NUMBER = /\d{16}/;

/** Where the caller's trace stands, as its request says (MCP 2026-07-28, basic/index, "OpenTelemetry trace context"). */
export function traceOf({ params }: Pick<RpcRequest, 'params'>): Partial<TraceContext> | undefined {
  const { traceparent, tracestate } = (params?._meta ?? {}) as Record<string, unknown>;
  if (typeof traceparent !== 'string') return undefined;
  return typeof tracestate === 'string' ? { traceparent, tracestate } : { traceparent };
}

/** The request with `context` in its `_meta`; everything else is what the client wrote, to the last digit. */
export function withTrace(incoming: IncomingRequest, context: TraceContext): IncomingRequest {
  const text = incoming.payload.toString();
  const message = LONG_NUMBER.test(text) ? (JSON.parse(text, exact) as RpcRequest) : incoming.message;
  const { tracestate: _, ...meta } = (message.params?._meta ?? {}) as Record<string, unknown>;
  const traced = { ...message, params: { ...message.params, _meta: { ...meta, ...context } } };
  return { ...incoming, payload: JSON.stringify(traced) };
}

function exact(_key: string, value: unknown, { source }: { source?: string } = {}): unknown {
  return typeof value === 'number' && source !== undefined && LONG_NUMBER.test(source) ? rawJSON(source) : value;
}
