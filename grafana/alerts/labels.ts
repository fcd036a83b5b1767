import type { Alert } from './alert.ts';

/** Where runbooks are read: a folder of the repository, or an address that serves it. */
export const RUNBOOKS = 'grafana/runbooks';

/** What is put on the alert itself; the series' own labels come besides. */
export const labelsOf = ({ severity }: Alert, group: string): Readonly<Record<string, string>> => ({
  severity,
  component: group.replace(/^mcp-/, ''),
});

/** Formats of `{value|FORMAT}` as functions that templates of Prometheus and of Grafana both have. */
const FORMATS: Readonly<Record<string, (value: string) => string>> = {
  '': (value) => `{{ printf "%.0f" ${value} }}`,
  number: (value) => `{{ printf "%.0f" ${value} }}`,
  percent: (value) => `{{ humanizePercentage ${value} }}`,
  bytes: (value) => `{{ humanize1024 ${value} }}B`,
  duration: (value) => `{{ humanizeDuration ${value} }}`,
};

/**
 * Texts of an alert as Go templates.
 * @param value how the template language names the value: `$value`
 * @throws Error for a placeholder that is none
 */
export function annotationsOf(alert: Alert, value: string, runbooks: string): Readonly<Record<string, string>> {
  const [dashboard, panel] = alert.panel;
  return {
    summary: templateOf(alert.summary, value),
    description: alert.description,
    runbook_url: `${runbooks}/${alert.name}.md`,
    dashboard: `${dashboard}/${panel}`,
  };
}

function templateOf(text: string, value: string): string {
  return text.replaceAll(/\{([^}]*)\}/g, (whole, inner: string) => {
    const [, label] = /^label:(\w+)$/.exec(inner) ?? [];
    if (label) return `{{ $labels.${label} }}`;
    const [, format = ''] = /^value(?:\|(\w+))?$/.exec(inner) ?? [undefined, 'none'];
    const render = FORMATS[format];
    if (!render) throw new Error(`no placeholder: ${whole}`);
    return render(value);
  });
}
