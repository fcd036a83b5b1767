/** Which processes show it; `serve` is gateway and controller in one. */
export type MetricRole = 'gateway' | 'controller' | 'egress' | 'host';

/**
 * Values of a label: these; or what bounds them.
 * - `server`: names of the catalogue's entries, and `other`
 * - `tool`: tools of the built-in servers and those that catalogue entries list, `other` for the rest, empty for no tool
 * - `version`: one for each process
 */
export type LabelValues = readonly string[] | 'server' | 'tool' | 'version';

export interface MetricDefinition {
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** One sentence: what is counted, in which unit. */
  readonly help: string;
  readonly roles: readonly MetricRole[];
  readonly labels?: Readonly<Record<string, LabelValues>>;
  /** Upper bounds, in the metric's unit. */
  readonly buckets?: readonly number[];
  /** No series before there is a value: 0 would be one. */
  readonly sparse?: true;
}
