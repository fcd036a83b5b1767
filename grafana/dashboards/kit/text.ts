import { PanelBuilder } from '@grafana/grafana-foundation-sdk/dashboard';
import { PanelBuilder as Text, TextMode } from '@grafana/grafana-foundation-sdk/text';
import { describePanel, type PanelSpec, type Sized } from './panel.ts';

/** Words that stay. */
export const note = (id: number, title: string, spec: PanelSpec & { readonly markdown: string }): Sized =>
  describePanel(new Text().mode(TextMode.Markdown).content(spec.markdown), id, title, spec);

/**
 * Options of Grafana's own list of alerts, for which the SDK has no type
 * (https://github.com/grafana/grafana, public/app/plugins/panel/alertlist/types.ts: UnifiedAlertListOptions).
 */
export interface AlertListOptions {
  viewMode: 'list' | 'stat';
  groupMode: 'default' | 'custom';
  groupBy: string[];
  maxItems: number;
  /** 1, 2: by name; 3: by importance; 4, 5: by time. */
  sortOrder: 1 | 2 | 3 | 4 | 5;
  dashboardAlerts: boolean;
  alertName: string;
  alertInstanceLabelFilter: string;
  /** `-- Grafana --`: Grafana's own, not once more those that Prometheus evaluates too. */
  datasource: string;
  showInstances: boolean;
  showInactiveAlerts: boolean;
  stateFilter: {
    firing: boolean;
    pending: boolean;
    recovering: boolean;
    noData: boolean;
    normal: boolean;
    error: boolean;
  };
}

/** What is firing or about to, the most important first; each alert links to its runbook and its panel. */
export function alertList(id: number, title: string, spec: PanelSpec): Sized {
  const options: AlertListOptions = {
    viewMode: 'list',
    groupMode: 'default',
    groupBy: [],
    maxItems: 20,
    sortOrder: 3,
    dashboardAlerts: false,
    alertName: '',
    alertInstanceLabelFilter: '',
    datasource: '-- Grafana --',
    showInstances: true,
    showInactiveAlerts: false,
    stateFilter: { firing: true, pending: true, recovering: true, noData: true, normal: false, error: true },
  };
  return describePanel(new PanelBuilder().type('alertlist').options(options), id, title, spec);
}
