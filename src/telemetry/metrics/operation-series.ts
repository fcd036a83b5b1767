import type { ErrorType, Operation } from '../../core/meter.ts';
import { OTHER } from './label-values.ts';
import type { LoopLateness } from './loop-lateness.ts';
import type { CounterSeries, HistogramSeries, Metrics } from './metrics.ts';
import { ERROR_TYPES, METHODS } from './operation-labels.ts';

const CALL = 'tools/call';
const KNOWN: ReadonlySet<string> = new Set(METHODS);

/** What says how long something has waited for the event loop. */
export type Lateness = Pick<LoopLateness, 'at'>;

/** Series by what became of an operation; empty: it went well. */
type ByError<Series> = Map<ErrorType | '', Series>;

/**
 * Times the operations of clients. The series of one method, tool and revision are looked up once for each operation, by one
 * text; there are as many as the table allows, whatever clients say.
 */
export class OperationSeries {
  readonly #metrics: Metrics;
  readonly #tools: ReadonlyMap<string, string>;
  readonly #versions: ReadonlySet<string>;
  readonly #kinds = new Map<string, Kind>();
  readonly #calls: ByError<CounterSeries>;
  readonly #added: HistogramSeries;
  readonly #loop: Lateness;

  /**
   * @param tools what clients call -> the tool's name
   * @param versions protocol revisions
   */
  constructor(metrics: Metrics, tools: ReadonlyMap<string, string>, versions: readonly string[], loop: Lateness) {
    this.#metrics = metrics;
    this.#loop = loop;
    this.#tools = tools;
    this.#versions = new Set(versions);
    const calls = (error: ErrorType | '') => metrics.counter('mcp_tool_calls_total', { error_type: error });
    this.#calls = new Map((['', ...ERROR_TYPES] as const).map((error) => [error, calls(error)]));
    this.#added = metrics.histogram('mcp_gateway_added_seconds');
  }

  begin(method: string, name: unknown, version: string, arrivedAt: number): Operation {
    const tool = method === CALL ? (this.#tools.get(name as string) ?? OTHER) : '';
    const [known, revision] = [KNOWN.has(method) ? method : OTHER, this.#versions.has(version) ? version : OTHER];
    const key = `${known} ${tool} ${revision}`;
    let kind = this.#kinds.get(key);
    if (!kind) {
      const labels = { mcp_method_name: known, gen_ai_tool_name: tool, mcp_protocol_version: revision };
      kind = new Kind(this.#metrics, labels, method === CALL ? this.#calls : undefined);
      this.#kinds.set(key, kind);
    }
    return new TimedOperation(kind, this.#added, this.#loop, arrivedAt);
  }
}

/** Operations of one method, tool and revision. */
class Kind {
  readonly #durations: ByError<HistogramSeries> = new Map();
  readonly #calls: ByError<CounterSeries> | undefined;
  readonly #make: (error: ErrorType | '') => HistogramSeries;

  /** @param calls where they are counted as calls of tools; undefined: they are none */
  constructor(
    metrics: Metrics,
    labels: Readonly<Record<'mcp_method_name' | 'gen_ai_tool_name' | 'mcp_protocol_version', string>>,
    calls: ByError<CounterSeries> | undefined,
  ) {
    this.#calls = calls;
    this.#make = (error) =>
      metrics.histogram('mcp_server_operation_duration_seconds', { ...labels, error_type: error });
  }

  ended(error: ErrorType | '', seconds: number): void {
    let duration = this.#durations.get(error);
    if (!duration) {
      duration = this.#make(error);
      this.#durations.set(error, duration);
    }
    duration.observe(seconds);
    this.#calls?.get(error)?.inc();
  }
}

class TimedOperation implements Operation {
  readonly #kind: Kind;
  readonly #added: HistogramSeries;
  readonly #loop: Lateness;
  readonly #arrivedAt: number;
  /** Before the gateway got to the request. */
  readonly #late: number;
  #error: ErrorType | '' = '';
  #waited = 0;
  /** In this gateway, on the way to the host, milliseconds; undefined: it has not gone there. */
  #before: number | undefined;
  #postedAt = 0;
  /** When the answer was here, whether or not the gateway got to it then. */
  #returnedAt: number | undefined;
  #ended = false;

  constructor(kind: Kind, added: HistogramSeries, loop: Lateness, arrivedAt: number) {
    this.#kind = kind;
    this.#added = added;
    this.#loop = loop;
    this.#arrivedAt = arrivedAt;
    this.#late = loop.at(arrivedAt);
  }

  waited(ms: number): void {
    this.#waited += ms;
  }

  posted(): void {
    if (this.#before !== undefined) return;
    this.#postedAt = performance.now();
    this.#before = this.#late + this.#postedAt - this.#arrivedAt - this.#waited;
  }

  returned(): void {
    const now = performance.now();
    this.#returnedAt = Math.max(this.#postedAt, now - this.#loop.at(now));
  }

  failing(error: ErrorType): void {
    this.#error ||= error;
  }

  end(error: ErrorType | '' = this.#error): void {
    if (this.#ended) return;
    this.#ended = true;
    const now = performance.now();
    this.#kind.ended(error, (now - this.#arrivedAt) / 1000);
    if (this.#before === undefined || this.#returnedAt === undefined) return;
    this.#added.observe((this.#before + now - this.#returnedAt) / 1000);
  }
}
