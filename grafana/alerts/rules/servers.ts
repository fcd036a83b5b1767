import type { Alert } from '../alert.ts';
import { START_SECONDS } from '../objectives.ts';

/** Servers of the catalogue, one by one. */
export const SERVER_ALERTS: readonly Alert[] = [
  {
    name: 'McpInstanceCrashLoop',
    severity: 'ticket',
    expression:
      'sum by (server) (increase(mcp_instance_restarts_total[15m])) >= 5 or sum by (server) (increase(mcp_host_child_exits_total[15m])) >= 5',
    for: '5m',
    summary: '{label:server} has ended by itself {value|number} times within 15 minutes',
    description: 'It is started again each time. Calls that it ran failed: whether they took effect is unknown.',
    panel: ['mcp-servers', 3],
  },
  {
    name: 'McpStartSlow',
    severity: 'ticket',
    expression: `histogram_quantile(0.9, sum by (server, le) (rate(mcp_instance_start_duration_seconds_bucket[30m]))) > ${START_SECONDS} and on (server) sum by (server) (increase(mcp_instance_start_duration_seconds_count[30m])) >= 5`,
    for: '10m',
    summary: 'One start of {label:server} in ten takes {value|duration} or longer',
    description:
      'Terminals wait for their servers. The machine is busy, too many start at once, or the server itself is slow.',
    panel: ['mcp-servers', 2],
  },
  {
    name: 'McpStartFailing',
    severity: 'ticket',
    expression:
      'sum by (server) (increase(mcp_instance_starts_total{outcome=~"failed|unavailable"}[15m])) / sum by (server) (increase(mcp_instance_starts_total{outcome!="unconfigured"}[15m])) > 0.5 and on (server) sum by (server) (increase(mcp_instance_starts_total{outcome=~"failed|unavailable"}[15m])) >= 3',
    for: '5m',
    summary: '{value|percent} of the starts of {label:server} fail',
    description: 'It does not come up: its program, its configuration, its image, or what it needs.',
    panel: ['mcp-servers', 1],
  },
  {
    name: 'McpCircuitOpen',
    severity: 'ticket',
    expression: 'sum by (server) (mcp_instance_circuits_open) > 0 or sum by (server) (mcp_host_circuits_open) > 0',
    for: '5m',
    summary: '{label:server} of {value} sessions is not started for a while: it failed too often',
    description: 'One probe is made now and then; until one succeeds calls are answered with 503.',
    panel: ['mcp-servers', 4],
  },
  {
    name: 'McpCertificateNearExpiry',
    severity: 'ticket',
    expression: 'min by (server) (mcp_certificate_expiry_timestamp_seconds > 0) - time() < 1209600',
    for: '15m',
    summary: 'A certificate that {label:server} is shown runs out in {value|duration}',
    description: 'From then on the server refuses to connect, and its tools fail.',
    panel: ['mcp-servers', 8],
  },
];
