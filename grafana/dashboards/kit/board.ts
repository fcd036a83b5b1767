import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import {
  type AnnotationQuery,
  type Dashboard,
  DashboardBuilder,
  DashboardCursorSync,
  DatasourceVariableBuilder,
  RowBuilder,
  type VariableModel,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DATASOURCE, link, type Sized } from './panel.ts';

export interface Section {
  /** Absent for the first: what matters most has no heading above it. */
  readonly title?: string;
  readonly panels: readonly Sized[];
}

export interface BoardSpec {
  /** Stable: alerts, links and bookmarks point to it. At most 40 characters. */
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  /** How far back it shows, in Grafana's words: `now-6h`. */
  readonly from: string;
  readonly variables?: readonly Builder<VariableModel>[];
  readonly sections: readonly Section[];
}

const COLUMNS = 24;
/** Ids of headings, above those of panels. */
const HEADINGS = 1000;

/** Every dashboard, in the order of the links at the top of each. */
export const BOARDS = [
  ['mcp-oncall', 'On call'],
  ['mcp-overview', 'Overview'],
  ['mcp-sessions', 'Sessions'],
  ['mcp-servers', 'Servers'],
  ['mcp-store', 'Store and balancer'],
  ['mcp-replica', 'One replica'],
] as const;

/** A whole dashboard, as Grafana's provisioning reads it. */
export function board({ uid, title, description, from, variables = [], sections }: BoardSpec): Dashboard {
  const built = new DashboardBuilder(title)
    .uid(uid)
    .description(description)
    .tags(['mcp-session-manager'])
    .readonly()
    .refresh('30s')
    .time({ from, to: 'now' })
    .tooltip(DashboardCursorSync.Crosshair)
    .links(BOARDS.filter(([other]) => other !== uid).map(([other, name]) => link(name, `/d/${other}`)))
    .annotations([starts])
    .variables([datasource, ...variables]);
  let top = 0;
  for (const [index, { title: heading, panels }] of sections.entries()) {
    if (heading)
      built.withRow(new RowBuilder(heading).id(HEADINGS + index).gridPos({ x: 0, y: top++, w: COLUMNS, h: 1 }));
    top = place(panels, top, built);
  }
  return built.build();
}

/** Puts each panel where it fits highest, then leftmost. @returns the first free line below them */
function place(panels: readonly Sized[], top: number, into: DashboardBuilder): number {
  const heights = new Array<number>(COLUMNS).fill(top);
  for (const { panel, size } of panels) {
    const [w, h] = size;
    const tops = Array.from({ length: COLUMNS - w + 1 }, (_, x) => Math.max(...heights.slice(x, x + w)));
    const y = Math.min(...tops);
    const x = tops.indexOf(y);
    into.withPanel(panel.gridPos({ x, y, w, h }));
    heights.fill(y + h, x, x + w);
  }
  return Math.max(...heights);
}

const datasource = new DatasourceVariableBuilder('datasource')
  .label('Prometheus')
  .type('prometheus')
  .current({ text: 'Prometheus', value: 'prometheus' });

const STARTED = 'process_start_time_seconds{job=~"gateway|controller|egress"} * 1000';

/** A mark wherever a process began, at the time that it says itself. */
const starts: Builder<AnnotationQuery> = {
  build: () => ({
    name: 'Starts',
    datasource: DATASOURCE,
    enable: true,
    iconColor: 'blue',
    expr: STARTED,
    step: '60s',
    useValueForTime: true,
    titleFormat: '{{job}} started',
    textFormat: '{{instance}}',
    tagKeys: 'job',
  }),
};
