import type { Alert } from '../alert.ts';
import { SIGNS } from '../signs.ts';
import { STORE_IS_UP } from './store-is-up.ts';

/** What was not seen for so long, or never, is no part of this deployment: not each has a balancer, Redis or an egress proxy. */
const REMEMBERED = '7d';

/** Whether the others can see anything. */
export const MONITORING_ALERTS: readonly Alert[] = [
  {
    name: 'McpTargetMissing',
    severity: 'ticket',
    expression: `up{job=~"${Object.keys(SIGNS).join('|')}"} == 0`,
    for: '5m',
    summary: '{label:job} {label:instance} does not answer Prometheus',
    description: 'It hangs, or cannot be reached from the monitoring network. What it does is not seen.',
    panel: ['mcp-oncall', 1],
  },
  {
    name: 'McpMetricsAbsent',
    severity: 'ticket',
    expression: `(${Object.entries(SIGNS)
      .map(
        ([job, metric]) =>
          `(absent(${metric}{job="${job}"}) and on () present_over_time(${metric}{job="${job}"}[${REMEMBERED}]))`,
      )
      .join(' or ')}) ${STORE_IS_UP}`,
    for: '10m',
    summary: 'There are no metrics of {label:job}',
    description:
      'Alerts that read them are silent. The process is gone, is not found by Prometheus, or shows its metrics elsewhere.',
    panel: ['mcp-oncall', 2],
  },
];
