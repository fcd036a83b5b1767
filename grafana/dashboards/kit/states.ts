import {
  LegendDisplayMode,
  LegendPlacement,
  SortOrder,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import { FieldColorModeId, MappingType, type ValueMap } from '@grafana/grafana-foundation-sdk/dashboard';
import { PanelBuilder as Stat } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as StateTimeline } from '@grafana/grafana-foundation-sdk/statetimeline';
import { BAD, QUIET, WELL } from './colours.ts';
import { colourBy, type DataSpec, dataPanel, type Sized } from './panel.ts';

/** What a number means: `{ 1: ['up', 'green'] }`. */
export type Words = Readonly<Record<number, readonly [text: string, colour: string]>>;

export const UP_OR_DOWN: Words = { 0: ['down', BAD], 1: ['up', WELL] };
export const YES_OR_NO: Words = { 0: ['no', BAD], 1: ['yes', WELL] };
export const IN_CHARGE: Words = { 0: ['standing by', QUIET], 1: ['in charge', WELL] };
export const FIRING: Words = { 1: ['firing', BAD] };

type StateSpec = Omit<DataSpec, 'unit' | 'thresholds'> & { readonly words: Words };

/** One bar for each series, coloured by what held when. */
export function timeline(id: number, title: string, { words, ...spec }: StateSpec): Sized {
  const bars = new StateTimeline()
    .mappings([mapping(words)])
    .colorScheme(colourBy(FieldColorModeId.Thresholds))
    .fillOpacity(80)
    .lineWidth(0)
    .showValue(VisibilityMode.Never)
    .mergeValues(true)
    .legend(
      new VizLegendOptionsBuilder()
        .showLegend(true)
        .placement(LegendPlacement.Bottom)
        .displayMode(LegendDisplayMode.List),
    )
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Single).sort(SortOrder.None));
  return dataPanel(bars, id, title, { ...spec, unit: 'none' }, 'range');
}

/** What holds now, as a word. */
export function word(id: number, title: string, { words, ...spec }: StateSpec): Sized {
  const figure = new Stat()
    .mappings([mapping(words)])
    .reduceOptions({ build: () => ({ calcs: ['lastNotNull'], fields: '', values: false }) });
  return dataPanel(figure, id, title, { ...spec, unit: 'none' }, 'now');
}

const mapping = (words: Words): ValueMap => ({
  type: MappingType.ValueToText,
  options: Object.fromEntries(
    Object.entries(words).map(([value, [text, color]], index) => [value, { text, color, index }]),
  ),
});
