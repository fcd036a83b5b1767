import { readdirSync, readFileSync } from 'node:fs';
import type { Dashboard, Panel, RowPanel } from '@grafana/grafana-foundation-sdk/dashboard';
import type { Dataquery } from '@grafana/grafana-foundation-sdk/prometheus';
import * as units from '@grafana/grafana-foundation-sdk/units';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { ALERTS } from '../../grafana/alerts/index.ts';
import { RECORDINGS } from '../../grafana/alerts/recordings.ts';
import { dashboardFiles } from '../../grafana/dashboards/index.ts';
import { BOARDS } from '../../grafana/dashboards/kit/board.ts';
import { knownMetrics, valuesOf } from '../support/known-metrics.ts';
import { metricsOf, parsePromql } from '../support/promql.ts';

const FOLDER = new URL('../../grafana/provisioning/', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, FOLDER), 'utf8');
const repository = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const FILES = readdirSync(new URL('dashboards/json', FOLDER));
const DASHBOARDS = FILES.map((name) => JSON.parse(read(`dashboards/json/${name}`)) as Dashboard);

interface Sources {
  readonly datasources: readonly { readonly uid: string; readonly jsonData: { readonly timeInterval: string } }[];
}

const isPanel = (one: Panel | RowPanel): one is Panel => one.type !== 'row';
const panelsOf = (dashboard: Dashboard): Panel[] => (dashboard.panels ?? []).filter(isPanel);
const named = (dashboard: Dashboard, panel: Panel): string => `${dashboard.uid}: ${panel.title}`;
const ALL = DASHBOARDS.flatMap((dashboard) =>
  panelsOf(dashboard).map((panel) => ({ panel, dashboard, name: named(dashboard, panel) })),
);
/** Panels that ask Prometheus: all but words and Grafana's own list of alerts. */
const ASKING = ALL.filter(({ panel }) => panel.type !== 'text' && panel.type !== 'alertlist');
const targetsOf = ({ targets = [] }: Panel): Dataquery[] => targets as Dataquery[];

/** What Grafana puts for its variables. */
const substituted = (expression: string): string =>
  expression
    .replaceAll('$__rate_interval', '5m')
    .replaceAll('$__range', '6h')
    .replaceAll(/"\$(server|instance)"/g, '"x"');

const QUERIES = [
  ...ASKING.flatMap(({ panel, name }) => targetsOf(panel).map(({ expr }) => ({ name, expr: substituted(expr) }))),
  ...DASHBOARDS.flatMap(({ uid, annotations }) =>
    (annotations.list ?? []).map(({ name, expr }) => ({ name: `${uid}: ${name}`, expr: substituted(expr ?? '') })),
  ),
];

describe('dashboards', () => {
  it('are what is written in grafana/dashboards (else: npm run dashboards)', () => {
    expect(Object.fromEntries(FILES.map((name) => [name, read(`dashboards/json/${name}`)]))).toEqual(dashboardFiles());
  });

  it('have the uids that alerts and links know', () => {
    expect(DASHBOARDS.map(({ uid }) => uid).sort()).toEqual(BOARDS.map(([uid]) => uid).sort());
    for (const { uid } of DASHBOARDS) expect(uid).toMatch(/^[A-Za-z0-9_-]{1,40}$/);
  });

  it('hold nothing that a saved dashboard has, cannot be edited, and say when they begin and how often they ask', () => {
    for (const dashboard of DASHBOARDS) {
      expect(dashboard).not.toHaveProperty('id');
      expect(dashboard).not.toHaveProperty('version');
      expect(dashboard).toMatchObject({ editable: false, refresh: '30s', time: { to: 'now' }, timezone: 'browser' });
      expect(dashboard.time?.from).toMatch(/^now-\d+h$/);
    }
  });

  it('lead to each other', () => {
    for (const { uid, links = [] } of DASHBOARDS) {
      const others = BOARDS.map(([other]) => other).filter((other) => other !== uid);
      expect(links.map(({ url }) => url)).toEqual(others.map((other) => `/d/${other}`));
      for (const link of links) expect(link).toMatchObject({ keepTime: true, includeVars: true });
      for (const link of links) expect(link).not.toHaveProperty('placement');
    }
  });

  it('mark starts of replicas, and let Prometheus be chosen, at first the one that is provisioned', () => {
    const [source] = (parse(read('datasources/prometheus.yaml')) as Sources).datasources;
    const { global } = parse(repository('grafana/prometheus/prometheus.yml')) as {
      global: { scrape_interval: string };
    };
    expect(source?.jsonData.timeInterval).toBe(global.scrape_interval);
    for (const { annotations, templating } of DASHBOARDS) {
      expect(annotations.list?.map(({ name }) => name)).toEqual(['Starts']);
      expect(templating.list?.[0]).toMatchObject({ name: 'datasource', type: 'datasource', query: 'prometheus' });
      expect(templating.list?.[0]?.current?.value).toBe(source?.uid);
    }
  });

  it('use each variable that they have, and have each that they use', () => {
    for (const dashboard of DASHBOARDS) {
      const known = (dashboard.templating.list ?? []).map(({ name }) => name);
      const asked = JSON.stringify([panelsOf(dashboard), dashboard.annotations]);
      const used = [...asked.matchAll(/"(?:\$|\$\{)(?!__)(\w+)\}?\\?"/g)].map(([, name]) => name as string);
      expect([...new Set(used)].sort()).toEqual(known.sort());
    }
  });
});

describe('provisioning of dashboards', () => {
  it('reads the folder, allows no changes, and takes what is gone out of Grafana', () => {
    const { providers } = parse(read('dashboards/mcp-session-manager.yaml')) as { providers: unknown[] };
    expect(providers).toEqual([
      expect.objectContaining({
        type: 'file',
        folder: 'MCP session manager',
        allowUiUpdates: false,
        disableDeletion: false,
        options: { path: '/etc/grafana/provisioning/dashboards/json' },
      }),
    ]);
    const { volumes } = (parse(repository('compose.yaml')) as { services: { grafana: { volumes: string[] } } }).services
      .grafana;
    expect(volumes).toContain('./grafana/provisioning:/etc/grafana/provisioning:ro');
  });
});

describe('panels', () => {
  it.each(DASHBOARDS.map((one) => [one.uid, one] as const))('of %s have ids and titles of their own', (_, one) => {
    const ids = (one.panels ?? []).map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id).toBeGreaterThan(0);
    const titles = panelsOf(one).map(({ title }) => title);
    expect(titles.filter((title, index) => !title || titles.indexOf(title) !== index)).toEqual([]);
  });

  it.each(DASHBOARDS.map((one) => [one.uid, one] as const))('of %s lie in the grid, none on another', (_, one) => {
    const taken = new Map<string, string>();
    for (const { gridPos, title = '' } of one.panels ?? []) {
      if (!gridPos) throw new Error(`${title} has no place`);
      const { x, y, w, h } = gridPos;
      expect(x + w, title).toBeLessThanOrEqual(24);
      for (let column = x; column < x + w; column++) {
        for (let row = y; row < y + h; row++) {
          expect(taken.get(`${column} ${row}`), `${title} lies on it`).toBeUndefined();
          taken.set(`${column} ${row}`, title);
        }
      }
    }
  });

  it.each(DASHBOARDS.map((one) => [one.uid, one] as const))('of %s leave no holes', (_, { panels = [] }) => {
    const bottom = Math.max(...panels.map(({ gridPos }) => (gridPos ? gridPos.y + gridPos.h : 0)));
    const area = panels.reduce((sum, { gridPos }) => sum + (gridPos ? gridPos.w * gridPos.h : 0), 0);
    expect(area).toBe(24 * bottom);
  });

  it('say what they show, what is well, and what to do', () => {
    for (const { panel, name } of ALL) {
      expect(panel.description, name).toMatch(/^\S.*\.\n\n\*\*Well:\*\* \S.*\.\n\n\*\*If not:\*\* \S.*[.?]$/);
    }
  });

  it('ask the Prometheus that is chosen', () => {
    const chosen = { type: 'prometheus', uid: '${datasource}' };
    for (const { panel, name } of ASKING) {
      expect(panel.datasource, name).toEqual(chosen);
      expect(targetsOf(panel).length, name).toBeGreaterThan(0);
      for (const { datasource } of targetsOf(panel)) expect(datasource, name).toEqual(chosen);
      expect(new Set(targetsOf(panel).map(({ refId }) => refId)).size, name).toBe(targetsOf(panel).length);
    }
  });

  it('have a unit that Grafana has', () => {
    const known = new Set<unknown>([...Object.values(units), 'none']);
    for (const { panel, name } of ASKING) expect(known, name).toContain(panel.fieldConfig?.defaults.unit);
  });

  it('name each series', () => {
    for (const { panel, name } of ASKING.filter(({ panel: { type } }) => type !== 'table')) {
      for (const { legendFormat } of targetsOf(panel)) expect(legendFormat, name).toBeTruthy();
    }
  });

  it('show the present, where they show one figure', () => {
    for (const { panel, name } of ASKING.filter(({ panel: { type } }) => type === 'stat' || type === 'table')) {
      for (const { instant, range } of targetsOf(panel))
        expect({ instant, range }, name).toEqual({ instant: true, range: false });
    }
  });
});

/** Those of grafana/prometheus/prometheus.yml. */
const JOBS: Readonly<Record<string, readonly string[]>> = {
  job: ['gateway', 'controller', 'egress', 'haproxy', 'redis'],
};

/** The metrics that an expression reads, and those that what it reads is recorded from. */
function readBy(expression: string): string[] {
  const recorded = RECORDINGS.flatMap(({ rules }) => rules);
  return metricsOf(expression).flatMap((metric) => [
    metric,
    ...recorded.filter(({ record }) => record === metric).flatMap((one) => readBy(one.expression)),
  ]);
}

describe('alerts', () => {
  it('lead to panels that there are and that show what they look at', () => {
    for (const { name, panel, expression } of ALERTS) {
      const shown = ALL.find(({ dashboard, panel: { id } }) => dashboard.uid === panel[0] && id === panel[1]);
      if (!shown) throw new Error(`${name}: ${panel} is not there`);
      const drawn = targetsOf(shown.panel).flatMap(({ expr }) => metricsOf(substituted(expr)));
      expect(
        readBy(expression).filter((metric) => drawn.includes(metric)),
        name,
      ).not.toEqual([]);
    }
  });
});

describe('queries', () => {
  const known = knownMetrics();

  it('are PromQL, of metrics and labels that there are', () => {
    for (const { name, expr } of QUERIES) {
      for (const { metric, matchers } of parsePromql(expr).selectors) {
        expect([...known.keys()], `${name}: ${expr}`).toContain(metric);
        const labels = known.get(metric);
        for (const { label } of labels ? matchers : []) expect(labels, `${name}: ${metric}`).toContain(label);
      }
    }
  });

  it('group by labels that their metrics have, and name series by those that are left', () => {
    for (const { panel, name } of ASKING) {
      for (const { expr, legendFormat = '' } of targetsOf(panel)) {
        const { selectors, grouping } = parsePromql(substituted(expr));
        const labels = selectors.flatMap(({ metric }) => known.get(metric) ?? ['job', 'instance']);
        for (const label of grouping) expect(labels, `${name}: ${expr}`).toContain(label);
        for (const [, label] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) {
          expect(labels, `${name}: ${legendFormat}`).toContain(label);
          if (/^(sum|max|min) by /.test(expr)) expect(grouping, `${name}: ${legendFormat}`).toContain(label);
        }
      }
    }
  });

  it('compare labels with values that they can have', () => {
    for (const { name, expr } of QUERIES) {
      for (const { metric, matchers } of parsePromql(expr).selectors) {
        for (const { label, operator, value } of matchers) {
          const values = valuesOf(metric, label) ?? JOBS[label];
          const asked = operator.includes('~') ? value.split('|') : [value];
          if (values && !value.includes('.'))
            expect(values, `${name}: ${label}`).toEqual(expect.arrayContaining(asked));
        }
      }
    }
  });

  it('take rates over the window that Grafana chooses, where a graph is drawn', () => {
    for (const { panel, name } of ASKING.filter(({ panel: { type } }) => type === 'timeseries')) {
      for (const { expr } of targetsOf(panel)) {
        expect(expr.match(/(?:rate|increase)\([^[]*\[(?!\$__rate_interval)/g) ?? [], name).toEqual([]);
      }
    }
  });
});
