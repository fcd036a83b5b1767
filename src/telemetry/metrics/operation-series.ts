import type { ErrorType, Operation } from '../../core/meter.ts';
import { OTHER } from './label-values.ts';
import type { HistogramSeries, Metrics } from './metrics.ts';
import { METHODS, OUR_FAULTS } from './operation-labels.ts';

const CALL = 'tools/call';
const KNOWN: ReadonlySet<string> = new Set(METHODS);

/** Series of `mcp_server_operation_duration_seconds` for one method, tool and revision, by what became of the operation. */
type ByError = Map<ErrorType | '', HistogramSeries>;

/**
 * Times the operations of clients. The series of one method, tool and revision are looked up once for each operation, by one
 * text; there are as many as the table allows, whatever clients say.
 */
export class OperationSeries {
  readonly #metrics: Metrics;
  readonly #tools: ReadonlyMap<string, string>;
  readonly #versions: ReadonlySet<string>;
  readonly #series = new Map<string, ByError>();
  readonly #added: HistogramSeries;

  /**
   * @param tools what clients call -> the tool's name
   * @param versions protocol revisions
   */
  constructor(metrics: Metrics, tools: ReadonlyMap<string, string>, versions: readonly string[]) {
    this.#metrics = metrics;
    this.#tools = tools;
    this.#versions = new Set(versions);
    this.#added = metrics.histogram('mcp_gateway_added_seconds');
  }

  begin(method: string, name: unknown, version: string, arrivedAt: number): Operation {
    const tool = method === CALL ? (this.#tools.get(name as string) ?? OTHER) : '';
    const [known, revision] = [KNOWN.has(method) ? method : OTHER, this.#versions.has(version) ? version : OTHER];
    const key = `${known} ${tool} ${revision}`;
    const series = this.#series.get(key) ?? this.#new(key, known, tool, revision);
    return new TimedOperation(
      series,
      (error) => this.#make(series, known, tool, revision, error),
      this.#added,
      arrivedAt,
    );
  }

  /** With the failures that count against this program, so that the first of them is an increase. */
  #new(key: string, method: string, tool: string, version: string): ByError {
    const series: ByError = new Map();
    this.#series.set(key, series);
    for (const error of method === CALL ? (['', ...OUR_FAULTS] as const) : []) {
      this.#make(series, method, tool, version, error);
    }
    return series;
  }

  #make(series: ByError, method: string, tool: string, version: string, error: ErrorType | ''): HistogramSeries {
    const labels = {
      mcp_method_name: method,
      gen_ai_tool_name: tool,
      error_type: error,
      mcp_protocol_version: version,
    };
    const made = this.#metrics.empty('mcp_server_operation_duration_seconds', labels);
    series.set(error, made);
    return made;
  }
}

class TimedOperation implements Operation {
  readonly #series: ByError;
  readonly #make: (error: ErrorType | '') => HistogramSeries;
  readonly #added: HistogramSeries;
  readonly #arrivedAt: number;
  #error: ErrorType | '' = '';
  #waited = 0;
  /** In this gateway, on the way to the host, milliseconds; undefined: it has not gone there. */
  #before: number | undefined;
  #returnedAt: number | undefined;
  #ended = false;

  constructor(
    series: ByError,
    make: (error: ErrorType | '') => HistogramSeries,
    added: HistogramSeries,
    arrivedAt: number,
  ) {
    this.#series = series;
    this.#make = make;
    this.#added = added;
    this.#arrivedAt = arrivedAt;
  }

  waited(ms: number): void {
    this.#waited += ms;
  }

  posted(): void {
    this.#before ??= performance.now() - this.#arrivedAt - this.#waited;
  }

  returned(): void {
    this.#returnedAt = performance.now();
  }

  failing(error: ErrorType): void {
    this.#error ||= error;
  }

  end(error: ErrorType | '' = this.#error): void {
    if (this.#ended) return;
    this.#ended = true;
    const now = performance.now();
    (this.#series.get(error) ?? this.#make(error)).observe((now - this.#arrivedAt) / 1000);
    if (this.#before === undefined || this.#returnedAt === undefined) return;
    this.#added.observe((this.#before + now - this.#returnedAt) / 1000);
  }
}
