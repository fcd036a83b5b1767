/** One question to Prometheus. */
export interface Query {
  readonly expr: string;
  /** Name of each series: a text with `{{label}}`; absent where there are no series (tables, heatmaps). */
  readonly legend?: string;
}

export const query = (expr: string, legend: string): Query => ({ expr, legend });

/** @param matchers conditions without braces: `job="gateway"` */
export const selector = (metric: string, matchers: string): string => (matchers ? `${metric}{${matchers}}` : metric);

/** Per second, by the labels `by`, over the window that Grafana takes for the panel's width. */
export const perSecond = (metric: string, by: string, matchers = ''): string =>
  `${sum(by)} (rate(${selector(metric, matchers)}[$__rate_interval]))`;

/** How many in the last minute or so: for what happens seldom, where a rate says little. */
export const events = (metric: string, by: string, matchers = ''): string =>
  `${sum(by)} (increase(${selector(metric, matchers)}[$__rate_interval]))`;

/** How many in the whole time that the dashboard shows. */
export const inRange = (metric: string, by: string, matchers = ''): string =>
  `${sum(by)} (increase(${selector(metric, matchers)}[$__range]))`;

/** p50, p95 and p99 of a histogram. */
export const quantiles = (histogram: string, matchers = ''): readonly Query[] =>
  ([0.5, 0.95, 0.99] as const).map((share) => query(quantile(share, histogram, '', matchers), `p${share * 100}`));

/** The eight highest of a quantile by a label; what had no events is left out. */
export const highest = (share: number, histogram: string, by: string, matchers: string): string =>
  `topk(8, ${quantile(share, histogram, by, matchers)} > 0)`;

/** One quantile of a histogram, by the labels `by`. */
export const quantile = (share: number, histogram: string, by = '', matchers = ''): string =>
  `histogram_quantile(${share}, ${perSecond(`${histogram}_bucket`, by ? `le, ${by}` : 'le', matchers)})`;

/** A value of the whole deployment, by the labels `by`: the controller in charge says it, the others say 0. */
export const inCharge = (metric: string, by: string, matchers = ''): string =>
  `${by ? `max by (${by})` : 'max'} (${selector(metric, matchers)})`;

const sum = (by: string): string => (by ? `sum by (${by})` : 'sum');
