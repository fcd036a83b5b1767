import type { IncomingMessage } from 'node:http';
import type { Ran } from '../../core/channel.ts';
import { errorTypeIn } from '../../core/error-type.ts';
import type { ServerName } from '../../core/ids.ts';
import { isId, type RpcNotification, type RpcRequest } from '../../core/json-rpc.ts';
import type { ErrorType, Operation } from '../../core/meter.ts';
import type { Span, SpanAttributes, Traces } from '../../core/traces.ts';
import { single } from './guards.ts';
import type { IncomingRequest } from './incoming.ts';
import { traceOf, withTrace } from './trace-meta.ts';

/** Of what a client says, characters: it is its own word. */
const MAX_TEXT = 128;

/**
 * Begins the span of one message of a client, in the trace that the message names, else in the one of its HTTP request. Names and
 * attributes as in OpenTelemetry's conventions for MCP (https://opentelemetry.io/docs/specs/semconv/gen-ai/mcp/, "Server").
 * @param at when it arrived, milliseconds since the epoch
 */
export function messageSpan(
  traces: Traces,
  { headers }: IncomingMessage,
  message: RpcRequest | RpcNotification,
  version: string,
  at: number,
): Span {
  const [traceparent, tracestate] = [single(headers.traceparent), single(headers.tracestate)];
  const ofHttp = traceparent === undefined ? undefined : { traceparent, ...(tracestate ? { tracestate } : {}) };
  const attributes = {
    ...described(message),
    'mcp.protocol.version': version.slice(0, MAX_TEXT),
    'network.protocol.name': 'http',
    'network.transport': 'tcp',
  };
  return traces.begin(nameOf(message), { kind: 'server', attributes, at }, traceOf(message) ?? ofHttp);
}

/** An operation that is told as a span as well. */
export class TracedOperation implements Operation {
  readonly span: Span;
  readonly #measured: Operation;
  #error: ErrorType | undefined;

  constructor(measured: Operation, span: Span) {
    this.#measured = measured;
    this.span = span;
  }

  posted(): void {
    this.#measured.posted();
  }
  waited(ms: number): void {
    this.#measured.waited(ms);
  }
  returned(): void {
    this.#measured.returned();
  }
  failing(error: ErrorType): void {
    this.#error ??= error;
    this.#measured.failing(error);
  }
  end(error?: ErrorType): void {
    this.#measured.end(error);
    this.span.end(error ?? this.#error);
  }
}

/**
 * The part of an operation that is one server's: a span for the wait, whose context the server is given, and within that one for
 * what its host says of when it ran.
 */
export class ServerSpan {
  /** The request, in this trace. */
  readonly incoming: IncomingRequest;
  readonly #server: ServerName;
  readonly #span: Span;

  private constructor(incoming: IncomingRequest, span: Span, server: ServerName) {
    this.incoming = withTrace(incoming, span.context);
    this.#span = span;
    this.#server = server;
  }

  /** Undefined: the operation is in no trace. */
  static begin(incoming: IncomingRequest, server: ServerName): ServerSpan | undefined {
    const { message, operation } = incoming;
    const attributes = { ...described(message), 'peer.service': server };
    const span = operation?.span?.child(nameOf(message), { kind: 'client', attributes });
    return span && new ServerSpan(incoming, span, server);
  }

  /** @param answer a JSON-RPC response, JSON; undefined: it went elsewhere */
  answered(answer: Buffer | undefined, ran: Ran | undefined): void {
    if (ran) this.#span.child(`host ${this.#server}`, { at: ran[0] }).end(undefined, ran[1]);
    this.#span.end(answer && errorTypeIn(answer));
  }

  failed(error: ErrorType): void {
    this.#span.end(error);
  }
}

/** `tools/call add`: the method, and what it is called on if that is one of few. */
function nameOf({ method, params }: RpcRequest | RpcNotification): string {
  const named = method === 'tools/call' || method === 'prompts/get';
  const text = named && typeof params?.name === 'string' ? `${method} ${params.name}` : method;
  return text.slice(0, MAX_TEXT);
}

function described(message: RpcRequest | RpcNotification): SpanAttributes {
  const { method, params } = message;
  const name = typeof params?.name === 'string' ? params.name.slice(0, MAX_TEXT) : undefined;
  return {
    'mcp.method.name': method.slice(0, MAX_TEXT),
    ...('id' in message && isId(message.id) ? { 'jsonrpc.request.id': String(message.id).slice(0, MAX_TEXT) } : {}),
    ...(method === 'tools/call' && name !== undefined
      ? { 'gen_ai.tool.name': name, 'gen_ai.operation.name': 'execute_tool' }
      : {}),
    ...(method === 'prompts/get' && name !== undefined ? { 'gen_ai.prompt.name': name } : {}),
  };
}
