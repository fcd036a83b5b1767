import {
  BigValueColorMode,
  BigValueGraphMode,
  BigValueTextMode,
  GraphDrawStyle,
  GraphThresholdsStyleConfigBuilder,
  GraphThresholdsStyleMode,
  LegendDisplayMode,
  LegendPlacement,
  SortOrder,
  StackingConfigBuilder,
  StackingMode,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import { FieldColorModeId } from '@grafana/grafana-foundation-sdk/dashboard';
import { PanelBuilder as Heatmap } from '@grafana/grafana-foundation-sdk/heatmap';
import { PanelBuilder as Stat } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as Timeseries } from '@grafana/grafana-foundation-sdk/timeseries';
import { colourBy, type DataSpec, dataPanel, ownColours, type Sized } from './panel.ts';
import { NO_JUDGEMENT } from './thresholds.ts';

/** Lines over time. A threshold is a dashed line. */
export function lines(id: number, title: string, spec: DataSpec): Sized {
  const chart = timeseries(spec).drawStyle(GraphDrawStyle.Line).lineWidth(2).fillOpacity(0);
  if (spec.thresholds) {
    const dashed = new GraphThresholdsStyleConfigBuilder().mode(GraphThresholdsStyleMode.Dashed);
    chart.thresholdsStyle(dashed);
  }
  return dataPanel(chart, id, title, { min: 0, ...spec }, 'range');
}

/** Parts of a whole over time, one on the other. */
export function stacked(id: number, title: string, spec: DataSpec): Sized {
  const chart = timeseries(spec).drawStyle(GraphDrawStyle.Line).lineWidth(1).fillOpacity(40).stacking(STACKED());
  return dataPanel(chart, id, title, { min: 0, ...spec }, 'range');
}

/** What happens now and then, counted: each bar is a minute or, in a long range, more. */
export function bars(id: number, title: string, spec: DataSpec): Sized {
  const chart = timeseries(spec).drawStyle(GraphDrawStyle.Bars).lineWidth(1).fillOpacity(80).stacking(STACKED());
  return dataPanel(chart.interval('1m'), id, title, { min: 0, decimals: 0, ...spec }, 'range');
}

/** What holds now, in large figures; several series side by side, each with its name. */
export function stat(id: number, title: string, spec: DataSpec & { readonly text?: 'name' }): Sized {
  const several = spec.queries.length > 1 || spec.queries.some(({ legend = '' }) => legend.includes('{{'));
  const figures = new Stat()
    .reduceOptions(lastValue)
    .graphMode(BigValueGraphMode.None)
    .colorMode(spec.thresholds ? BigValueColorMode.Background : BigValueColorMode.None)
    .textMode(spec.text ? BigValueTextMode.Name : several ? BigValueTextMode.ValueAndName : BigValueTextMode.Value)
    .colorScheme(colourBy(FieldColorModeId.Thresholds));
  return dataPanel(figures, id, title, { thresholds: NO_JUDGEMENT, ...spec }, 'now');
}

/** How values are spread, over time: the query gives buckets by `le`. `unit` is that of their bounds; what lies in them is counted. */
export function heatmap(id: number, title: string, spec: DataSpec): Sized {
  const map = new Heatmap()
    .showValue(VisibilityMode.Never)
    .cellGap(1)
    .yAxis({ build: () => ({ unit: spec.unit }) })
    .color({ build: () => ({ scheme: 'Blues', fill: 'blue', exponent: 0.5, steps: 32, reverse: false }) });
  return dataPanel(map, id, title, { ...spec, unit: 'short', decimals: 0 }, 'heatmap');
}

const lastValue = { build: () => ({ calcs: ['lastNotNull'], fields: '', values: false }) };

const STACKED = (): StackingConfigBuilder => new StackingConfigBuilder().mode(StackingMode.Normal).group('A');

/** What all drawings over time share. */
function timeseries({ queries, size }: DataSpec): Timeseries {
  return new Timeseries()
    .colorScheme(colourBy(FieldColorModeId.PaletteClassicByName))
    .overrides(ownColours(queries))
    .showPoints(VisibilityMode.Auto)
    .spanNulls(false)
    .legend(legend(size[1]))
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending));
}

/** A table with the last value and the highest one where there is room for it. */
function legend(height: number): VizLegendOptionsBuilder {
  const room = height >= 8;
  return new VizLegendOptionsBuilder()
    .showLegend(true)
    .placement(LegendPlacement.Bottom)
    .displayMode(room ? LegendDisplayMode.Table : LegendDisplayMode.List)
    .calcs(room ? ['lastNotNull', 'max'] : []);
}
