import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { METRICS, type MetricName } from './catalogue.ts';
import type { MetricDefinition, MetricRole } from './definition.ts';
import { initialSeries, type LabelBounds, OTHER, valuesOf } from './label-values.ts';

/** What a process is. */
export type ProcessRole = 'gateway' | 'controller' | 'serve' | 'egress';

type Definition<N extends MetricName> = (typeof METRICS)[N];
type NameOf<T> = { [N in MetricName]: Definition<N> extends { type: T } ? N : never }[MetricName];
/** Values that the table lists; any text where it has one for all others, or where something else is the bound. */
type Value<V> = V extends readonly string[] ? ('other' extends V[number] ? string : V[number]) : string;
/** The labels that a metric needs, by name; nothing for one without. */
export type LabelsOf<N extends MetricName> =
  Definition<N> extends { labels: infer L } ? [labels: { readonly [K in keyof L]: Value<L[K]> }] : [];

export type CounterName = NameOf<'counter'>;
export type GaugeName = NameOf<'gauge'>;
export type HistogramName = NameOf<'histogram'>;

/** One series of a counter. */
export interface CounterSeries {
  /** @param by at least 0; 1 if absent */
  inc(by?: number): void;
}
/** One series of a gauge. */
export interface GaugeSeries {
  set(value: number): void;
  inc(by?: number): void;
  dec(by?: number): void;
}
/** One series of a histogram. */
export interface HistogramSeries {
  /** @param value in the metric's unit: seconds */
  observe(value: number): void;
}

export interface MetricsOptions extends LabelBounds {
  readonly role: ProcessRole;
  /** This program's. */
  readonly version: string;
}

/** Gauges with the suffix of counters, which `promtool check metrics` refuses; those without it say the same by type. */
const MISNAMED = ['handles', 'requests', 'resources'].map((what) => `nodejs_active_${what}_total`);

type AnyMetric = Counter | Gauge | Histogram;

const ROLES: Readonly<Record<ProcessRole, readonly MetricRole[]>> = {
  gateway: ['gateway'],
  controller: ['controller'],
  serve: ['gateway', 'controller'],
  egress: ['egress'],
};

/**
 * The metrics of one process, made from the table (catalogue.ts): those of its role, with the series that they have from the
 * beginning at 0. Parts ask for a series by name and labels, and keep it where it is needed often: what they do with it
 * then never throws and, but for numbers, allocates nothing.
 */
export class Metrics {
  readonly #registry = new Registry();
  readonly #metrics = new Map<MetricName, AnyMetric>();
  readonly #values = new Map<MetricName, ReadonlyMap<string, ReadonlySet<string> | undefined>>();
  readonly #collectors: (() => void | Promise<void>)[] = [];
  /** Of what is asked for by name although this process does not show it: a part that several roles use. */
  readonly #unseen = new Registry();

  constructor(options: MetricsOptions) {
    for (const name of Object.keys(METRICS) as MetricName[]) this.#make(name, options);
    const { version, role } = options;
    this.gauge('mcp_build_info', { version, node: process.version.slice(1), role }).set(1);
  }

  /** A series. A label's value that is none of its metric's becomes `other`. */
  counter<N extends CounterName>(name: N, ...labels: LabelsOf<N>): CounterSeries {
    return (this.#metrics.get(name) as Counter).labels(this.#bounded(name, labels[0]));
  }

  /**
   * A counter whose value is known elsewhere.
   * @returns takes the value; one that is not above the last is no news
   */
  total<N extends CounterName>(name: N, ...labels: LabelsOf<N>): (value: number) => void {
    const series = this.counter(name, ...labels);
    let last = 0;
    return (value) => {
      if (value > last) series.inc(value - last);
      last = Math.max(last, value);
    };
  }

  /** As `counter`. */
  gauge<N extends GaugeName>(name: N, ...labels: LabelsOf<N>): GaugeSeries {
    return (this.#metrics.get(name) as Gauge).labels(this.#bounded(name, labels[0]));
  }

  /** As `counter`. */
  histogram<N extends HistogramName>(name: N, ...labels: LabelsOf<N>): HistogramSeries {
    return (this.#metrics.get(name) as Histogram).labels(this.#bounded(name, labels[0]));
  }

  /** Takes a series away: there is nothing any more that it could say. */
  remove<N extends MetricName>(name: N, ...labels: LabelsOf<N>): void {
    this.#metrics.get(name)?.remove(this.#bounded(name, labels[0]));
  }

  /** Has `collect` called before each showing: it sets what is known without being counted. It is waited for, and must not throw. */
  beforeShowing(collect: () => void | Promise<void>): void {
    this.#collectors.push(collect);
  }

  /** Node's own from now on, too: `process_*` and `nodejs_*`, with the event loop's lag. Cannot be undone. */
  addDefaults(): void {
    collectDefaultMetrics({ register: this.#registry });
    for (const name of MISNAMED) this.#registry.removeSingleMetric(name);
  }

  readonly contentType = this.#registry.contentType;

  /** All of them, as Prometheus reads them (https://prometheus.io/docs/instrumenting/exposition_formats/). */
  async show(): Promise<string> {
    await Promise.all(this.#collectors.map((collect) => collect()));
    return this.#registry.metrics();
  }

  #make(name: MetricName, options: MetricsOptions): void {
    const definition: MetricDefinition = METRICS[name];
    const isShown = definition.roles.some((role) => ROLES[options.role].includes(role));
    const labels = Object.entries(definition.labels ?? {});
    const common = {
      name,
      help: definition.help,
      labelNames: labels.map(([label]) => label),
      registers: [isShown ? this.#registry : this.#unseen],
    };
    const metric = metricOf(definition, common);
    this.#metrics.set(name, metric);
    this.#values.set(
      name,
      new Map(
        labels.map(([label, values]) => {
          const known = valuesOf(values, options);
          return [label, known && new Set(known)];
        }),
      ),
    );
    for (const series of initialSeries(definition, options)) begin(metric, series);
  }

  #bounded(name: MetricName, labels: Readonly<Record<string, string>> = {}): Record<string, string> {
    const bounded: Record<string, string> = {};
    for (const [label, values] of this.#values.get(name) ?? []) {
      const value = labels[label] ?? OTHER;
      bounded[label] = !values || values.has(value) ? value : OTHER;
    }
    return bounded;
  }
}

interface Common {
  readonly name: string;
  readonly help: string;
  readonly labelNames: string[];
  readonly registers: Registry[];
}

function metricOf({ type, buckets }: MetricDefinition, common: Common): AnyMetric {
  if (type === 'counter') return new Counter(common);
  if (type === 'gauge') return new Gauge(common);
  return new Histogram({ ...common, buckets: [...(buckets ?? [])] });
}

function begin(metric: AnyMetric, labels: Record<string, string>): void {
  if (metric instanceof Histogram) metric.zero(labels);
  else if (metric instanceof Counter) metric.inc(labels, 0);
  else metric.set(labels, 0);
}
