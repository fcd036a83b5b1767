import { StoreEmptied, StoreUnavailable } from '../../core/errors.ts';
import type { EndedBy, SessionMeter, StoreMeter, StoreOperation } from '../../core/meter.ts';
import type { GaugeSeries, HistogramSeries, Metrics } from './metrics.ts';

/** What gateways and controllers count of sessions and of the store. */
export class PromSessionMeter implements SessionMeter, StoreMeter {
  readonly #metrics: Metrics;
  readonly #up: GaugeSeries;
  readonly #times: Readonly<Record<StoreOperation, HistogramSeries>>;
  #answers = true;
  #takes = true;

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
    this.#up = metrics.gauge('mcp_store_up');
    const time = (operation: StoreOperation) =>
      metrics.histogram('mcp_store_operation_duration_seconds', { operation });
    this.#times = {
      read: time('read'),
      write: time('write'),
      list: time('list'),
      touch: time('touch'),
      connection: time('connection'),
    };
  }

  sessionCreated(): void {
    this.#metrics.counter('mcp_sessions_created_total').inc();
  }

  sessionResumed(): void {
    this.#metrics.counter('mcp_sessions_resumed_total').inc();
  }

  sessionTurnedAway(): void {
    this.#metrics.counter('mcp_instance_queue_rejected_total').inc();
  }

  sessionEnded(reason: EndedBy, ageMs: number | undefined): void {
    this.#metrics.counter('mcp_sessions_ended_total', { reason }).inc();
    if (ageMs !== undefined) this.#metrics.histogram('mcp_session_lifetime_seconds').observe(ageMs / 1000);
  }

  storeOperation(operation: StoreOperation, ms: number, error: unknown): void {
    this.#times[operation].observe(ms / 1000);
    this.#answers = error === undefined;
    this.#showUp();
    if (error !== undefined) this.#metrics.counter('mcp_store_errors_total', { reason: reasonOf(error) }).inc();
  }

  storeWritten(error: unknown): void {
    this.#takes = error === undefined;
    this.#showUp();
  }

  storeEmptied(): void {
    this.#metrics.counter('mcp_store_errors_total', { reason: 'emptied' }).inc();
  }

  /** A store that is full, or cannot write its file, still answers who reads. */
  #showUp(): void {
    this.#up.set(this.#answers && this.#takes ? 1 : 0);
  }
}

function reasonOf(error: unknown): 'unavailable' | 'emptied' | 'other' {
  if (error instanceof StoreEmptied) return 'emptied';
  return error instanceof StoreUnavailable ? 'unavailable' : 'other';
}
