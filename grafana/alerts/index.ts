import type { Alert, Group } from './alert.ts';
import { CONTROLLER_ALERTS } from './rules/controller.ts';
import { GATEWAY_ALERTS } from './rules/gateway.ts';
import { MONITORING_ALERTS } from './rules/monitoring.ts';
import { OBJECTIVE_ALERTS } from './rules/objectives.ts';
import { SERVER_ALERTS } from './rules/servers.ts';
import { STORE_ALERTS } from './rules/store.ts';

/** Every alert of the program: written here, and nowhere else. */
export const ALERT_GROUPS: readonly Group<Alert>[] = [
  { name: 'mcp-objectives', rules: OBJECTIVE_ALERTS },
  { name: 'mcp-gateway', rules: GATEWAY_ALERTS },
  { name: 'mcp-store', rules: STORE_ALERTS },
  { name: 'mcp-controller', rules: CONTROLLER_ALERTS },
  { name: 'mcp-servers', rules: SERVER_ALERTS },
  { name: 'mcp-monitoring', rules: MONITORING_ALERTS },
];

export const ALERTS: readonly Alert[] = ALERT_GROUPS.flatMap(({ rules }) => rules);
