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

type Labels = Readonly<Record<string, LabelValues>>;
type Plain<Type> = Omit<MetricDefinition, 'type' | 'labels'> & { readonly type: Type };
type Labelled<Type, L> = Plain<Type> & { readonly labels: L };
type Arguments = [roles: readonly MetricRole[], help: string];

/** Defines metrics of one type; their labels are known by name and value. */
interface Define<Type, A extends readonly unknown[] = Arguments> {
  (...given: A): Plain<Type>;
  <const L extends Labels>(...given: [...A, labels: L]): Labelled<Type, L>;
}

const define =
  (type: MetricDefinition['type']) =>
  (roles: readonly MetricRole[], help: string, labels?: Labels): MetricDefinition =>
    labels ? { type, roles, help, labels } : { type, roles, help };

export const counter = define('counter') as Define<'counter'>;
export const gauge = define('gauge') as Define<'gauge'>;
/** With the upper bounds of its buckets. */
export const histogram = ((roles, help, buckets, labels) => ({
  ...define('histogram')(roles, help, labels),
  buckets,
})) as Define<'histogram', [...Arguments, buckets: readonly number[]]>;
