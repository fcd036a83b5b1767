import { stringify } from 'yaml';
import type { Alert } from './alert.ts';
import { ALERT_GROUPS } from './index.ts';
import { annotationsOf, labelsOf } from './labels.ts';
import { CONTACT_POINTS, MUTE_TIMES, POLICIES, TEMPLATES } from './notifications.ts';
import { INTERVAL } from './prometheus.ts';

/** As in `grafana/provisioning/datasources/prometheus.yaml`. */
export const DATASOURCE = 'prometheus';

const FOLDER = 'MCP session manager';

/** Rules that are no longer written: taking one out of the file does not take it out of Grafana. */
export const RETIRED: readonly string[] = [];

const HEAD = (what: string): string => `# ${what}, made from grafana/alerts by \`npm run alerts\`; not to be edited.
`;

/** The files of `grafana/provisioning/alerting` by name. */
export function grafanaFiles(runbooks: string): Readonly<Record<string, string>> {
  return {
    'rules.yaml': file('Alert rules', {
      groups: ALERT_GROUPS.map(({ name, rules }) => ({
        orgId: 1,
        name,
        folder: FOLDER,
        interval: INTERVAL,
        rules: rules.map((alert) => ruleOf(alert, name, runbooks)),
      })),
      ...(RETIRED.length > 0 ? { deleteRules: RETIRED.map((uid) => ({ orgId: 1, uid })) } : {}),
    }),
    'contact-points.yaml': file('Who is told', { contactPoints: CONTACT_POINTS }),
    'policies.yaml': file('Who is told of what; it takes the place of all policies that Grafana has', {
      policies: POLICIES,
    }),
    'mute-times.yaml': file('When tickets wait', { muteTimes: MUTE_TIMES }),
    'templates.yaml': file('What they are told', { templates: TEMPLATES }),
  };
}

const file = (what: string, content: object): string =>
  HEAD(what) + stringify({ apiVersion: 1, ...content }, { lineWidth: 0, aliasDuplicateObjects: false });

/** `McpRedisDown` -> `mcp-redis-down`. */
export const uidOf = (name: string): string => name.replaceAll(/(?<!^)[A-Z]/g, (letter) => `-${letter}`).toLowerCase();

/**
 * A rule whose query asks for the state of now. Grafana takes a value of 0 for well, where Prometheus takes any series for an alert; so
 * the condition is that there is a number. No series is well, and so is one that is no longer there, at once. While Prometheus cannot be
 * asked an alert stays as it was; that it cannot be asked says `McpMetricsAbsent`.
 */
function ruleOf(alert: Alert, group: string, runbooks: string) {
  const [dashboardUid, panelId] = alert.panel;
  const relativeTimeRange = { from: 600, to: 0 };
  return {
    uid: uidOf(alert.name),
    title: alert.name,
    condition: 'B',
    data: [
      {
        refId: 'A',
        relativeTimeRange,
        datasourceUid: DATASOURCE,
        model: { refId: 'A', expr: alert.expression, instant: true, range: false, editorMode: 'code' },
      },
      {
        refId: 'B',
        relativeTimeRange,
        datasourceUid: '__expr__',
        model: { refId: 'B', type: 'math', expression: 'is_number($A)' },
      },
    ],
    dashboardUid,
    panelId,
    noDataState: 'OK',
    execErrState: alert.name === 'McpMetricsAbsent' ? 'Alerting' : 'KeepLast',
    for: alert.for,
    missing_series_evals_to_resolve: 1,
    annotations: annotationsOf(alert, '$values.A.Value', runbooks),
    labels: labelsOf(alert, group),
    isPaused: false,
  };
}
