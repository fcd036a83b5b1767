import {
  type Context,
  defaultTextMapGetter,
  defaultTextMapSetter,
  type Span as OtelSpan,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import type { Span, SpanOptions, TraceContext, Traces } from '../core/traces.ts';

const KINDS = { server: SpanKind.SERVER, client: SpanKind.CLIENT };
/** Spans are posted so often, milliseconds. */
const BATCH_MS = 1000;
/** How long the last spans may take to be told when the process ends, milliseconds. */
const LAST_MS = 2000;

export interface OtlpTracesOptions {
  /** Where spans are posted to: a collector's `http://HOST:4318/v1/traces`. */
  readonly url: string;
  /** Part of the traces begun here that is told, 0 to 1; a trace that somebody else began is told if they say so. */
  readonly ratio: number;
  /** This process: `service.version`, `service.instance.id`. */
  readonly version: string;
  readonly instance: string;
}

/** Spans for an OpenTelemetry collector (OTLP over HTTP), in batches. One that is out of reach costs spans and nothing else. */
export class OtlpTraces implements Traces, AsyncDisposable {
  readonly #provider: TracerProvider;
  readonly #tracer: Tracer;

  constructor({ url, ratio, version, instance }: OtlpTracesOptions) {
    this.#provider = new TracerProvider({
      resource: resourceFromAttributes({
        'service.name': 'mcp-session-manager',
        'service.version': version,
        'service.instance.id': instance,
      }),
      sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) }),
      spanProcessors: [
        new BatchSpanProcessor({ exporter: new OTLPTraceExporter({ url }), scheduledDelayMillis: BATCH_MS }),
      ],
    });
    this.#tracer = this.#provider.getTracer('mcp-session-manager', version);
  }

  begin(name: string, options?: SpanOptions, parent?: Partial<TraceContext>): Span {
    const context = PROPAGATOR.extract(ROOT_CONTEXT, parent ?? {}, defaultTextMapGetter);
    return new OtlpSpan(this.#tracer, context, name, options);
  }

  /** Tells what is left. */
  async [Symbol.asyncDispose](): Promise<void> {
    const late = new Promise((resolve) => setTimeout(resolve, LAST_MS).unref());
    await Promise.race([this.#provider.shutdown().catch(() => {}), late]);
  }
}

const PROPAGATOR = new W3CTraceContextPropagator();

class OtlpSpan implements Span {
  readonly context: TraceContext;
  readonly #tracer: Tracer;
  readonly #inside: Context;
  readonly #span: OtelSpan;

  constructor(tracer: Tracer, outside: Context, name: string, { kind, attributes, at }: SpanOptions = {}) {
    this.#tracer = tracer;
    this.#span = tracer.startSpan(
      name,
      {
        kind: kind ? KINDS[kind] : SpanKind.INTERNAL,
        ...(attributes ? { attributes } : {}),
        ...(at === undefined ? {} : { startTime: at }),
      },
      outside,
    );
    this.#inside = trace.setSpan(outside, this.#span);
    const carrier: { traceparent?: string; tracestate?: string } = {};
    PROPAGATOR.inject(this.#inside, carrier, defaultTextMapSetter);
    this.context = carrier as TraceContext;
  }

  child(name: string, options?: SpanOptions): Span {
    return new OtlpSpan(this.#tracer, this.#inside, name, options);
  }

  end(error?: string, at?: number): void {
    if (!this.#span.isRecording()) return;
    if (error !== undefined) this.#span.setAttribute('error.type', error).setStatus({ code: SpanStatusCode.ERROR });
    this.#span.end(at);
  }
}
