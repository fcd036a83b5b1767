import { describe, expect, it } from 'vitest';
import { DASHBOARDS } from '../../grafana/dashboards/index.ts';
import { compileErrors } from '../support/dashboards/compile.ts';

/** One dashboard with one thing in it put to another value. */
function changed(uid: string, ...[path, value]: [path: readonly (string | number)[], value: unknown]): unknown {
  const copy = JSON.parse(JSON.stringify(DASHBOARDS.find((one) => one.uid === uid)));
  // biome-ignore lint/suspicious/noExplicitAny: a path into any JSON
  const parent = path.slice(0, -1).reduce((inner: any, key) => inner[key], copy);
  parent[path.at(-1) as string] = value;
  return copy;
}

const panelOf = (uid: string, type: string): number =>
  DASHBOARDS.find((one) => one.uid === uid)?.panels?.findIndex((panel) => panel.type === type) ?? -1;

describe('the types of dashboards', () => {
  it('are those of Grafana', async () => {
    expect(await compileErrors(Object.fromEntries(DASHBOARDS.map((one) => [one.uid, one])))).toEqual({});
  });

  it('refuse what Grafana would pass over', async () => {
    const lines = ['panels', panelOf('mcp-overview', 'timeseries')] as const;
    const stat = ['panels', panelOf('mcp-overview', 'stat')] as const;
    const table = ['panels', panelOf('mcp-servers', 'table')] as const;
    const mistakes = {
      'unknown-key': changed('mcp-store', ['refreshes'], '30s'),
      'unknown-key-of-panel': changed('mcp-overview', [...lines, 'desc'], 'x'),
      'unknown-option': changed('mcp-overview', [...lines, 'options', 'legends'], {}),
      'unknown-legend': changed('mcp-overview', [...lines, 'options', 'legend', 'displayMode'], 'grid'),
      'unknown-field-option': changed('mcp-overview', [...lines, 'fieldConfig', 'defaults', 'custom', 'lineWith'], 1),
      'unknown-key-of-query': changed('mcp-overview', [...lines, 'targets', 0, 'expression'], 'up'),
      'option-of-another-panel': changed('mcp-overview', [...stat, 'options', 'showHeader'], true),
      'unknown-transformation': changed('mcp-servers', [...table, 'transformations', 0, 'id'], 'merged'),
      'unknown-override': changed(
        'mcp-servers',
        [...table, 'fieldConfig', 'overrides', 0, 'properties', 0, 'id'],
        'units',
      ),
      'unknown-alert-state': changed('mcp-oncall', ['panels', 0, 'options', 'stateFilter', 'fires'], true),
      'missing-key': changed('mcp-store', ['templating'], undefined),
    };
    expect(Object.keys(await compileErrors(mistakes)).sort()).toEqual(Object.keys(mistakes).sort());
  });
});
