import { stringify } from 'yaml';
import type { Alert, Recording } from './alert.ts';
import { ALERT_GROUPS } from './index.ts';
import { annotationsOf, labelsOf } from './labels.ts';
import { RECORDINGS } from './recordings.ts';

const HEAD = `# Recording and alerting rules, made from grafana/alerts by \`npm run alerts\`; not to be edited.
`;

/** How often rules are computed. */
export const INTERVAL = '30s';

/** The rule file of Prometheus: `grafana/prometheus/rules.yml`. */
export function prometheusRules(runbooks: string): string {
  const recordings = RECORDINGS.map(({ name, rules }) => ({ name, interval: INTERVAL, rules: rules.map(recordingOf) }));
  const alerts = ALERT_GROUPS.map(({ name, rules }) => ({
    name,
    interval: INTERVAL,
    rules: rules.map((alert) => alertOf(alert, name, runbooks)),
  }));
  return HEAD + stringify({ groups: [...recordings, ...alerts] }, { lineWidth: 0 });
}

const recordingOf = ({ record, expression, labels }: Recording) => ({
  record,
  expr: expression,
  ...(labels ? { labels } : {}),
});

const alertOf = (alert: Alert, group: string, runbooks: string) => ({
  alert: alert.name,
  expr: alert.expression,
  for: alert.for,
  labels: labelsOf(alert, group),
  annotations: annotationsOf(alert, '$value', runbooks),
});
