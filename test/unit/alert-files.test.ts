import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type * as z from 'zod';
import { DATASOURCE, RETIRED, uidOf } from '../../grafana/alerts/grafana.ts';
import { ALERTS } from '../../grafana/alerts/index.ts';
import { RUNBOOKS } from '../../grafana/alerts/labels.ts';
import { RECORDINGS } from '../../grafana/alerts/recordings.ts';
import { alertFiles } from '../../scripts/alerts.ts';
import { METRICS } from '../../src/telemetry/metrics/catalogue.ts';
import type { MetricDefinition } from '../../src/telemetry/metrics/definition.ts';
import {
  contactPointsFile,
  muteTimesFile,
  policiesFile,
  rulesFile,
  templatesFile,
} from '../support/alerts/grafana-types.ts';
import { knownMetrics, valuesOf } from '../support/known-metrics.ts';
import { parsePromql } from '../support/promql.ts';

const ROOT = new URL('../../', import.meta.url);
const ALERTING = 'grafana/provisioning/alerting';
const read = (path: string): string => readFileSync(new URL(path, ROOT), 'utf8');
const fileOf = <T>(name: string, schema: z.ZodType<T>): T => schema.parse(parse(read(`${ALERTING}/${name}`)));

interface PrometheusRule {
  readonly alert?: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels?: object;
  readonly annotations?: object;
}

const { groups } = parse(read('grafana/prometheus/rules.yml')) as {
  groups: { name: string; interval: string; rules: PrometheusRule[] }[];
};

/** What compose.yaml tells Grafana when nobody has set anything. */
function environment(): Record<string, string> {
  const compose = parse(read('compose.yaml')) as { services: { grafana: { environment: Record<string, string> } } };
  return Object.fromEntries(
    Object.entries(compose.services.grafana.environment).map(([name, value]) => [
      name,
      value.replaceAll(/\$\{\w+(:-|:\+)([^}]*)\}/g, (_, operator, word) => (operator === ':-' ? word : '')),
    ]),
  );
}

/** As Grafana does it (pkg/services/provisioning/values): what is not set is empty. */
const expanded = (text: string): string =>
  text
    .split('$$')
    .map((part) => part.replaceAll(/\$\{(\w+)\}|\$(\w+)/g, (_, braced, bare) => environment()[braced ?? bare] ?? ''))
    .join('$');

describe('files made from grafana/alerts', () => {
  it('are what is written there (else: npm run alerts)', () => {
    const files = alertFiles(RUNBOOKS);
    expect(Object.fromEntries(Object.keys(files).map((path) => [path, read(path)]))).toEqual(files);
    const made = Object.keys(files).filter((path) => path.startsWith(ALERTING));
    expect(readdirSync(new URL(ALERTING, ROOT)).map((name) => `${ALERTING}/${name}`)).toEqual(made.sort());
  });

  it('have the same alerts for Prometheus and for Grafana', () => {
    const ofPrometheus = groups.flatMap(({ name, interval, rules }) =>
      rules
        .filter(({ alert }) => alert)
        .map((rule) => [rule.alert, name, interval, rule.expr, rule.for, rule.labels, rule.annotations]),
    );
    const ofGrafana = fileOf('rules.yaml', rulesFile).groups.flatMap(({ name, interval, rules }) =>
      rules.map((rule) => {
        const texts = JSON.stringify(rule.annotations).replaceAll('$values.A.Value', '$value');
        const [query] = rule.data;
        const expression = query && 'expr' in query.model ? query.model.expr : undefined;
        return [rule.title, name, interval, expression, rule.for, rule.labels, JSON.parse(texts)];
      }),
    );
    expect(ofGrafana).toEqual(ofPrometheus);
    expect(ofGrafana.map(([title]) => title)).toEqual(ALERTS.map(({ name }) => name));
  });

  it('are read by Prometheus', () => {
    expect(parse(read('grafana/prometheus/prometheus.yml'))).toMatchObject({ rule_files: ['rules.yml'] });
    const compose = parse(read('compose.yaml')) as {
      services: { prometheus: { configs: { source: string; target: string }[] } };
      configs: Record<string, { file: string }>;
    };
    const mounted = compose.services.prometheus.configs.find(({ target }) => target === '/etc/prometheus/rules.yml');
    expect(compose.configs[mounted?.source ?? '']).toEqual({ file: 'grafana/prometheus/rules.yml' });
  });
});

describe("Grafana's rules", () => {
  const rules = fileOf('rules.yaml', rulesFile).groups.flatMap((group) => group.rules);

  it('have a condition that is one of their queries, and ask the Prometheus that is provisioned', () => {
    const sources = parse(read('grafana/provisioning/datasources/prometheus.yaml')) as {
      datasources: { uid: string }[];
    };
    expect(sources.datasources.map(({ uid }) => uid)).toContain(DATASOURCE);
    for (const { title, condition, data } of rules) {
      expect(
        data.map(({ refId }) => refId),
        title,
      ).toContain(condition);
      expect(
        data.map(({ refId, model }) => refId === model.refId),
        title,
      ).toEqual([true, true]);
      expect(
        data.map(({ datasourceUid }) => datasourceUid),
        title,
      ).toEqual([DATASOURCE, '__expr__']);
    }
  });

  it('have uids of their own, none of them retired', () => {
    const uids = rules.map(({ uid }) => uid);
    expect(new Set(uids).size).toBe(uids.length);
    expect(uids.filter((uid) => RETIRED.includes(uid))).toEqual([]);
    expect(uidOf('McpRedisDown')).toBe('mcp-redis-down');
  });

  it('have texts in which Grafana finds no variable of the environment', () => {
    for (const { annotations } of rules)
      for (const text of Object.values(annotations))
        expect(text).not.toMatch(/\$\{|\$\$|\$(?!labels\.|values\.A\.Value)/);
  });

  it('refuse a key that Grafana does not know', () => {
    const [group] = fileOf('rules.yaml', rulesFile).groups;
    const misspelt = { ...group, rules: [{ ...group?.rules[0], keep_firing_for: '5m' }] };
    expect(rulesFile.safeParse({ apiVersion: 1, groups: [misspelt] }).error?.message).toContain('keep_firing_for');
  });
});

describe('who is told', () => {
  const points = fileOf('contact-points.yaml', contactPointsFile).contactPoints;
  const [policy] = fileOf('policies.yaml', policiesFile).policies;

  it('is somebody whom Grafana accepts, when nothing is set too', () => {
    for (const { receivers } of points)
      for (const { type, settings } of receivers) {
        const address = 'url' in settings ? settings.url : settings.addresses;
        expect(expanded(address), type).toMatch(type === 'email' ? /^\S+@\S+$/ : /^https?:\/\/\S+$/);
      }
    const used = [...JSON.stringify([points, policy]).matchAll(/\$\{(\w+)\}/g)].map(([, name]) => name as string);
    for (const name of used) expect(read('.env.example')).toContain(`#${name}=`);
  });

  it('is a contact point, of pages and of tickets, at times that are named', () => {
    const names = points.map(({ name }) => name);
    const muted = fileOf('mute-times.yaml', muteTimesFile).muteTimes.map(({ name }) => name);
    const routes = policy?.routes ?? [];
    for (const { receiver } of [policy, ...routes].flatMap((one) => one ?? []))
      expect(names).toContain(expanded(receiver));
    for (const time of routes.flatMap((route) => route.mute_time_intervals ?? [])) expect(muted).toContain(time);
    expect(policy?.routes.map((route) => route.object_matchers)).toEqual(
      ['page', 'ticket'].map((severity) => [['severity', '=', severity]]),
    );
  });

  it('never has a page muted', () => {
    const page = policy?.routes.find(({ object_matchers }) => object_matchers[0]?.[2] === 'page');
    expect(page).toBeDefined();
    expect(page).not.toHaveProperty('mute_time_intervals');
  });

  it('is told by templates that there are', () => {
    const { templates } = fileOf('templates.yaml', templatesFile);
    const defined = templates.flatMap(({ template }) =>
      [...template.matchAll(/define "([^"]+)"/g)].map(([, name]) => name),
    );
    const used = [...JSON.stringify(points).matchAll(/template \\"([^"\\]+)\\"/g)].map(([, name]) => name);
    expect([...new Set(used)].sort()).toEqual([...defined].sort());
  });
});

describe('expressions', () => {
  const known = knownMetrics();
  const table: Readonly<Record<string, MetricDefinition>> = METRICS;
  const all = [
    ...RECORDINGS.flatMap(({ rules }) => rules.map(({ record, expression }) => ({ name: record, expression }))),
    ...ALERTS.map(({ name, expression }) => ({ name: name as string, expression })),
  ];

  it.each(all)('$name reads metrics, labels and values that there are', ({ expression }) => {
    for (const { metric, matchers } of parsePromql(expression).selectors) {
      expect([...known.keys()]).toContain(metric);
      const labels = known.get(metric);
      for (const { label, operator, value } of labels ? matchers : []) {
        expect(labels).toContain(label);
        const values = valuesOf(metric, label);
        for (const one of values ? value.split(operator.endsWith('~') ? '|' : '\0') : []) expect(values).toContain(one);
        if (label === 'le') expect(table[metric.replace(/_bucket$/, '')]?.buckets).toContain(Number(value));
      }
    }
  });

  it.each(all)('$name groups by labels that there are', ({ expression }) => {
    const { selectors, grouping } = parsePromql(expression);
    const labels = selectors.flatMap(({ metric }) => known.get(metric) ?? ['job']);
    for (const label of grouping) expect(labels).toContain(label);
  });
});
