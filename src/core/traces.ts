/**
 * Where a message belongs in a trace, as MCP carries it in `params._meta` and HTTP in headers of these names: W3C Trace Context
 * (https://www.w3.org/TR/trace-context/; MCP 2026-07-28, basic/index, "OpenTelemetry trace context").
 */
export interface TraceContext {
  readonly traceparent: string;
  readonly tracestate?: string;
}

/** Never what a message holds: arguments, results, texts. */
export type SpanAttributes = Readonly<Record<string, string | number>>;

export interface SpanOptions {
  /** `server`: work for whoever asked; `client`: waiting for somebody else; absent: neither. */
  readonly kind?: 'server' | 'client';
  readonly attributes?: SpanAttributes;
  /** When it began, if not now: milliseconds since the epoch. */
  readonly at?: number;
}

/** Something that took time. It is told when it ends; one that never does is never told. */
export interface Span {
  /** For what it asks others to do. */
  readonly context: TraceContext;
  /** Something that is part of it. */
  child(name: string, options?: SpanOptions): Span;
  /**
   * Once; later calls do nothing.
   * @param error what went wrong, as `error.type` has it: a word out of few; absent: nothing
   * @param at when it ended, if not now: milliseconds since the epoch
   */
  end(error?: string, at?: number): void;
}

/** Where spans come from. */
export interface Traces {
  /** @param parent the caller's; absent, or nothing that can be read: a trace of its own */
  begin(name: string, options?: SpanOptions, parent?: Partial<TraceContext>): Span;
}
