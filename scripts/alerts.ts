/**
 * Writes the rules of Prometheus, also as its operator on Kubernetes takes them, and the alerting files of Grafana from
 * grafana/alerts: npm run alerts
 * RUNBOOKS: where runbooks are read, in place of the repository's folder (`https://example.org/runbooks`).
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { grafanaFiles } from '../grafana/alerts/grafana.ts';
import { RUNBOOKS } from '../grafana/alerts/labels.ts';
import { prometheusRules } from '../grafana/alerts/prometheus.ts';

/** The same rules for the Prometheus Operator: what stands before them. */
const RULE_OBJECT = `apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: mcp-session-manager
  namespace: mcp-session-manager
  labels: { app.kubernetes.io/name: mcp-session-manager }
spec:
`;

const ruleObject = (rules: string): string => RULE_OBJECT + rules.replaceAll(/^(?=.)/gm, '  ');

/** Path in the repository -> text. */
export function alertFiles(runbooks: string): Readonly<Record<string, string>> {
  const alerting = Object.entries(grafanaFiles(runbooks)).map(([name, text]) => [
    `grafana/provisioning/alerting/${name}`,
    text,
  ]);
  const rules = prometheusRules(runbooks);
  return {
    'grafana/prometheus/rules.yml': rules,
    'k8s/components/monitoring/rules.yaml': ruleObject(rules),
    ...Object.fromEntries(alerting),
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = new URL('../', import.meta.url);
  await mkdir(new URL('grafana/provisioning/alerting/', root), { recursive: true });
  for (const [path, text] of Object.entries(alertFiles(process.env.RUNBOOKS ?? RUNBOOKS)))
    await writeFile(new URL(path, root), text);
}
