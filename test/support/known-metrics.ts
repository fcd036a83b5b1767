import { readFileSync } from 'node:fs';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { parse } from 'yaml';
import { METRICS } from '../../src/telemetry/metrics/catalogue.ts';
import type { MetricDefinition } from '../../src/telemetry/metrics/definition.ts';
import exporters from './exporter-metrics.json' with { type: 'json' };

/** Labels that Prometheus puts on whatever it scrapes. */
const OF_TARGETS = ['job', 'instance'];

/**
 * Every series that Prometheus can have of a deployment, with its labels: the program's own, those of Node, of HAProxy and of
 * redis_exporter, those of Prometheus itself, and what rules record, whose labels are not looked at (`undefined`).
 */
export function knownMetrics(): ReadonlyMap<string, readonly string[] | undefined> {
  const known = new Map<string, readonly string[] | undefined>();
  for (const [name, definition] of Object.entries<MetricDefinition>(METRICS)) {
    addFamily(known, name, definition.type, Object.keys(definition.labels ?? {}));
  }
  for (const { name, type, labels } of ofNode()) addFamily(known, name, type, labels);
  for (const [name, labels] of Object.entries(exporters)) known.set(name, [...labels.split(' '), ...OF_TARGETS]);
  known.set('up', OF_TARGETS);
  known.set('ALERTS', ['alertname', 'alertstate', 'severity', ...OF_TARGETS]);
  for (const name of recorded()) known.set(name, undefined);
  return known;
}

function addFamily(
  known: Map<string, readonly string[] | undefined>,
  name: string,
  type: string,
  own: readonly string[],
): void {
  const labels = [...own, ...OF_TARGETS];
  if (type !== 'histogram') known.set(name, labels);
  else {
    known.set(`${name}_bucket`, [...labels, 'le']);
    known.set(`${name}_sum`, labels);
    known.set(`${name}_count`, labels);
  }
}

/** What prom-client shows of the process that it runs in. */
function ofNode(): readonly { name: string; type: string; labels: readonly string[] }[] {
  const register = new Registry();
  collectDefaultMetrics({ register });
  return register.getMetricsAsArray().map((metric) => ({
    name: metric.name,
    type: String(metric.type),
    labels: (metric as unknown as { labelNames: readonly string[] }).labelNames,
  }));
}

interface RuleFile {
  readonly groups: readonly { readonly rules: readonly { readonly record?: string }[] }[];
}

function recorded(): readonly string[] {
  const text = readFileSync(new URL('../../grafana/prometheus/rules.yml', import.meta.url), 'utf8');
  return (parse(text) as RuleFile).groups.flatMap(({ rules }) => rules.flatMap(({ record }) => record ?? []));
}

/** The values that a label of one of the program's own metrics can have; undefined if nothing says. */
export function valuesOf(metric: string, label: string): readonly string[] | undefined {
  const table: Readonly<Record<string, MetricDefinition>> = METRICS;
  const values = (table[metric] ?? table[metric.replace(/_(bucket|sum|count)$/, '')])?.labels?.[label];
  return Array.isArray(values) ? values : undefined;
}
