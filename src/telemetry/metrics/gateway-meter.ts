import type {
  ErrorType,
  GatewayMeter,
  Hold,
  HoldOutcome,
  LoginMeter,
  LookupResult,
  Operation,
  StreamKind,
} from '../../core/meter.ts';
import { METRICS } from './catalogue.ts';
import type { CounterSeries, GaugeSeries, Metrics } from './metrics.ts';
import { type Lateness, OperationSeries } from './operation-series.ts';

/** What a gateway counts of its clients, its links and the people who log in. */
export class PromGatewayMeter implements GatewayMeter, LoginMeter {
  readonly #metrics: Metrics;
  readonly #operations: OperationSeries;
  readonly #held: GaugeSeries;
  readonly #lookups: Readonly<Record<LookupResult, CounterSeries>>;
  readonly #cache: Readonly<Record<'hit' | 'miss', CounterSeries>>;
  readonly #links: GaugeSeries;

  /** @param tools what clients call -> the tool's name */
  constructor(metrics: Metrics, tools: ReadonlyMap<string, string>, loop: Lateness) {
    this.#metrics = metrics;
    const versions = METRICS.mcp_connections_opened_total.labels.mcp_protocol_version;
    this.#operations = new OperationSeries(metrics, tools, versions, loop);
    this.#held = metrics.gauge('mcp_gateway_held_requests');
    const lookup = (result: LookupResult) => metrics.counter('mcp_session_lookups_total', { result });
    this.#lookups = { alive: lookup('alive'), over: lookup('over'), lost: lookup('lost'), unknown: lookup('unknown') };
    const cache = (result: 'hit' | 'miss') => metrics.counter('mcp_gateway_cache_total', { result });
    this.#cache = { hit: cache('hit'), miss: cache('miss') };
    this.#links = metrics.gauge('mcp_gateway_links');
  }

  operation(method: string, name: unknown, version: string, arrivedAt: number): Operation {
    return this.#operations.begin(method, name, version, arrivedAt);
  }

  hold(): Hold {
    return new CountedHold(this.#held, (outcome) => {
      this.#metrics.counter('mcp_gateway_held_total', { outcome }).inc();
    });
  }

  streamOpened(kind: StreamKind): () => void {
    const open = this.#metrics.gauge('mcp_gateway_streams', { kind });
    open.inc();
    return () => open.dec();
  }

  streamResumed(): void {
    this.#metrics.counter('mcp_gateway_streams_resumed_total').inc();
  }

  streamGap(): void {
    this.#metrics.counter('mcp_gateway_stream_gaps_total').inc();
  }

  lookup(result: LookupResult): void {
    this.#lookups[result].inc();
    if (result === 'lost') this.#metrics.counter('mcp_session_lost_total').inc();
  }

  cache(result: 'hit' | 'miss'): void {
    this.#cache[result].inc();
  }

  connectionOpened(version: string): void {
    this.#metrics.counter('mcp_connections_opened_total', { mcp_protocol_version: version }).inc();
  }

  connectionFailed(reason: ErrorType): void {
    this.#metrics.counter('mcp_connections_failed_total', { reason }).inc();
  }

  linkUp(): void {
    this.#links.inc();
  }

  linkDown(inUse: boolean): void {
    this.#links.dec();
    if (inUse) this.#metrics.counter('mcp_gateway_links_lost_total').inc();
  }

  login(outcome: 'done' | 'refused' | 'throttled'): void {
    this.#metrics.counter('mcp_admin_logins_total', { outcome }).inc();
  }
}

class CountedHold implements Hold {
  readonly #held: GaugeSeries;
  readonly #count: (outcome: HoldOutcome) => void;
  #state: 'new' | 'waits' | 'over' = 'new';

  constructor(held: GaugeSeries, count: (outcome: HoldOutcome) => void) {
    this.#held = held;
    this.#count = count;
  }

  begin(): void {
    if (this.#state !== 'new') return;
    this.#state = 'waits';
    this.#held.inc();
  }

  end(outcome: HoldOutcome): void {
    if (this.#state === 'waits') {
      this.#held.dec();
      this.#count(outcome);
    }
    this.#state = 'over';
  }
}
