/**
 * Types of a provisioned dashboard that have no `any` where these dashboards put something: with them TypeScript refuses a key that
 * Grafana does not know, which Grafana itself passes over. Made from the types of the SDK, which Grafana makes from its own.
 */
import type * as common from '@grafana/grafana-foundation-sdk/common';
import type * as sdk from '@grafana/grafana-foundation-sdk/dashboard';
import type * as heatmap from '@grafana/grafana-foundation-sdk/heatmap';
import type * as prometheus from '@grafana/grafana-foundation-sdk/prometheus';
import type * as stat from '@grafana/grafana-foundation-sdk/stat';
import type * as statetimeline from '@grafana/grafana-foundation-sdk/statetimeline';
import type * as table from '@grafana/grafana-foundation-sdk/table';
import type * as text from '@grafana/grafana-foundation-sdk/text';
import type * as timeseries from '@grafana/grafana-foundation-sdk/timeseries';
import type { AlertListOptions } from '../../../grafana/dashboards/kit/text.ts';

/** As it is in JSON: names of enumerations are texts, methods are not there. */
type Json<T> = 0 extends 1 & T
  ? unknown
  : T extends string
    ? `${T}`
    : T extends readonly (infer Item)[]
      ? Json<Item>[]
      : T extends object
        ? { [Key in keyof T as T[Key] extends () => void ? never : Key]: Json<T[Key]> }
        : T;

type With<T, Own> = Omit<T, keyof Own> & Own;

type Override =
  | { id: 'color'; value: Json<sdk.FieldColor> }
  | { id: 'unit'; value: string }
  | { id: 'thresholds'; value: Json<sdk.ThresholdsConfig> }
  | { id: 'custom.cellOptions'; value: Json<common.TableColorTextCellOptions> };

type Transformation =
  | { id: 'merge'; options: Record<string, never> }
  | {
      id: 'organize';
      options: {
        excludeByName: Record<string, boolean>;
        indexByName: Record<string, number>;
        renameByName: Record<string, string>;
      };
    };

interface FieldConfig<Custom> {
  defaults: With<Json<sdk.FieldConfig>, { custom?: Json<Custom> }>;
  overrides: { matcher: { id: 'byName'; options: string }; properties: Override[] }[];
}

type Panel<Type extends string, Options, Custom = Record<string, never>> = With<
  Json<sdk.Panel>,
  {
    type: Type;
    options: Json<Options>;
    fieldConfig?: FieldConfig<Custom>;
    targets?: Json<prometheus.Dataquery>[];
    transformations?: Transformation[];
  }
>;

type AnyPanel =
  | Panel<'timeseries', timeseries.Options, timeseries.FieldConfig>
  | Panel<'stat', stat.Options>
  | Panel<'state-timeline', statetimeline.Options, statetimeline.FieldConfig>
  | Panel<'table', table.Options, table.FieldConfig>
  | Panel<'heatmap', heatmap.Options, heatmap.FieldConfig>
  | Panel<'text', text.Options>
  | Panel<'alertlist', AlertListOptions>
  | With<Json<sdk.RowPanel>, { panels: never[] }>;

export type StrictDashboard = With<Json<sdk.Dashboard>, { panels: AnyPanel[] }>;
