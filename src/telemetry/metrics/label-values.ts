import type { LabelValues, MetricDefinition } from './definition.ts';

/** What every value is counted as that is not one of its label's. */
export const OTHER = 'other';

/** What bounds the labels whose values the table does not list. */
export interface LabelBounds {
  /** Names of the catalogue's entries. */
  readonly servers: readonly string[];
  /** Names of tools. */
  readonly tools: readonly string[];
}

/** The values of one label; undefined: one for each process, which says it itself. */
export function valuesOf(values: LabelValues, { servers, tools }: LabelBounds): readonly string[] | undefined {
  if (values === 'version') return undefined;
  if (values === 'server') return [...servers, OTHER];
  if (values === 'tool') return ['', ...tools, OTHER];
  return values;
}

/**
 * The series that a metric has from the beginning, so that its first event is an increase: all there can be, where the table lists
 * every value or the catalogue of servers does; none otherwise.
 */
export function initialSeries(definition: MetricDefinition, bounds: LabelBounds): Readonly<Record<string, string>>[] {
  const labels = Object.entries(definition.labels ?? {});
  if (definition.sparse || labels.some(([, values]) => values === 'tool' || values === 'version')) return [];
  return labels.reduce<Record<string, string>[]>(
    (all, [label, values]) =>
      all.flatMap((one) => (valuesOf(values, bounds) ?? []).map((value) => ({ ...one, [label]: value }))),
    [{}],
  );
}
