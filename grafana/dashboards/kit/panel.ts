import type { Builder, Dataquery } from '@grafana/grafana-foundation-sdk/cog';
import {
  type DashboardLink,
  DashboardLinkType,
  FieldColorBuilder,
  FieldColorModeId,
  type FieldConfigSource,
  type Panel,
  type ThresholdsConfig,
  ThresholdsConfigBuilder,
  ThresholdsMode,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus';
import { coloursOf } from './colours.ts';
import type { Query } from './query.ts';
import type { Thresholds } from './thresholds.ts';

/** The variable of each dashboard that says which Prometheus is asked. */
export const DATASOURCE = { type: 'prometheus', uid: '${datasource}' } as const;

/** Units by Grafana's names; `short` counts things. */
export type Unit = 'short' | 'percentunit' | 's' | 'bytes' | 'binBps' | 'reqps' | 'cps' | 'none';

/** What a panel tells whoever looks at it and has never seen it. */
export interface About {
  /** One sentence: what is drawn. */
  readonly shows: string;
  /** What it looks like when all is well. */
  readonly well: string;
  /** What to do when it does not. */
  readonly otherwise: string;
}

export interface PanelSpec extends About {
  /** Columns of 24, and rows. */
  readonly size: readonly [width: number, height: number];
}

export interface DataSpec extends PanelSpec {
  readonly unit: Unit;
  readonly queries: readonly Query[];
  /** Where an alert has a threshold, the same. */
  readonly thresholds?: Thresholds;
  readonly decimals?: number;
  readonly min?: number;
  readonly max?: number;
}

/** A panel before it has its place. */
export interface Sized {
  readonly size: readonly [width: number, height: number];
  readonly panel: PanelBuilder;
}

/** What builders of all kinds of panels have in common; they have no common class. */
export interface PanelBuilder extends Builder<Panel> {
  id(id: number): this;
  title(title: string): this;
  description(description: string): this;
  gridPos(place: { h: number; w: number; x: number; y: number }): this;
}

export type Override = FieldConfigSource['overrides'][number];

interface DataPanelBuilder extends PanelBuilder {
  datasource(datasource: { type: string; uid: string }): this;
  targets(targets: Builder<Dataquery>[]): this;
  unit(unit: string): this;
  decimals(decimals: number): this;
  min(min: number): this;
  max(max: number): this;
  noValue(text: string): this;
  thresholds(thresholds: Builder<ThresholdsConfig>): this;
  colorScheme(color: FieldColorBuilder): this;
  dataLinks(links: Builder<DashboardLink>[]): this;
}

export const describePanel = (
  panel: PanelBuilder,
  id: number,
  title: string,
  { size, shows, well, otherwise }: PanelSpec,
): Sized => ({
  size,
  panel: panel.id(id).title(title).description(`${shows}\n\n**Well:** ${well}\n\n**If not:** ${otherwise}`),
});

/** `range`: lines over time; `now`: the value at the end of the range, never one that a target that is gone left behind. */
export type Asked = 'range' | 'now' | 'table' | 'heatmap';

/** A panel that asks Prometheus. */
export function dataPanel(panel: DataPanelBuilder, id: number, title: string, spec: DataSpec, asked: Asked): Sized {
  panel
    .datasource(DATASOURCE)
    .targets(spec.queries.map((one, index) => target(one, index, asked)))
    .unit(spec.unit)
    .noValue('no data');
  if (spec.decimals !== undefined) panel.decimals(spec.decimals);
  if (spec.min !== undefined) panel.min(spec.min);
  if (spec.max !== undefined) panel.max(spec.max);
  if (spec.thresholds) panel.thresholds(thresholds(spec.thresholds));
  const replicas = spec.queries.some(({ legend = '' }) => legend.includes('{{instance}}'));
  if (replicas && asked === 'range') panel.dataLinks([REPLICA_LINK]);
  return describePanel(panel, id, title, spec);
}

export const thresholds = (steps: Thresholds): Builder<ThresholdsConfig> =>
  new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps([...steps]);

export const colourBy = (mode: FieldColorModeId): FieldColorBuilder => new FieldColorBuilder().mode(mode);

/** Overrides that give each name its own colour. */
export const ownColours = (queries: readonly Query[]): Override[] =>
  Object.entries(Object.assign({}, ...queries.map(({ legend = '' }) => coloursOf(legend)))).map(
    ([name, fixedColor]) => ({
      matcher: { id: 'byName', options: name },
      properties: [{ id: 'color', value: { mode: FieldColorModeId.Fixed, fixedColor } }],
    }),
  );

function target({ expr, legend }: Query, index: number, asked: Asked): Builder<Dataquery> {
  const built = new DataqueryBuilder()
    .refId(String.fromCharCode('A'.charCodeAt(0) + index))
    .datasource(DATASOURCE)
    .expr(expr)
    .format(
      {
        range: PromQueryFormat.TimeSeries,
        now: PromQueryFormat.TimeSeries,
        table: PromQueryFormat.Table,
        heatmap: PromQueryFormat.Heatmap,
      }[asked],
    );
  if (legend) built.legendFormat(legend);
  return asked === 'now' || asked === 'table' ? built.instant() : built.range();
}

/** The SDK's builder hides links in a menu; made as data, they are where one looks for them. */
export const link = (title: string, url: string, tooltip = ''): Builder<DashboardLink> => ({
  build: () => ({
    title,
    url,
    tooltip,
    type: DashboardLinkType.Link,
    icon: 'dashboard',
    tags: [],
    asDropdown: false,
    targetBlank: false,
    includeVars: true,
    keepTime: true,
  }),
});

const REPLICA_LINK: Builder<DashboardLink> = link(
  'This replica',
  '/d/mcp-replica?var-datasource=${datasource}&var-instance=${__field.labels.instance}&${__url_time_range}',
);
