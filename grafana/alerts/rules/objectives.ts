import type { Alert, DashboardUid, Severity } from '../alert.ts';
import {
  AVAILABILITY,
  type Burn,
  FAST_BURNS,
  LATENCY,
  type Objective,
  SLOW_BURNS,
  WINDOW_SECONDS,
} from '../objectives.ts';

/** Names of the series for an objective, without their window. */
interface Indicator extends Objective {
  readonly ratio: string;
  readonly bad: string;
}

const availability: Indicator = {
  ...AVAILABILITY,
  ratio: 'mcp:tool_calls:error_ratio_rate',
  bad: 'mcp:tool_calls_failed:rate',
};
const latency: Indicator = { ...LATENCY, ratio: 'mcp:added_time:slow_ratio_rate', bad: 'mcp:added_time_slow:rate' };

/** Both windows burn, and there were enough bad events in the longer one. The value is the share in the longer one. */
function burnt({ ratio, bad, target, fewest }: Indicator, burns: readonly Burn[]): string {
  const budget = Number((1 - target).toFixed(6));
  return burns
    .map(({ long, short, rate }) => {
      const limit = Number((rate * budget).toFixed(6));
      return `(${ratio}${long} > ${limit} and ${ratio}${short} > ${limit} and ${bad}${long} * ${WINDOW_SECONDS[long]} >= ${fewest})`;
    })
    .join(' or ');
}

interface Words {
  readonly name: Alert['name'];
  readonly severity: Severity;
  readonly summary: string;
  readonly description: string;
  readonly panel: readonly [DashboardUid, number];
}

const burnAlert = (indicator: Indicator, burns: readonly Burn[], words: Words): Alert => ({
  ...words,
  expression: `(${burnt(indicator, burns)}) unless on () (mcp:store:down_lately == 1)`,
  for: '2m',
});

/** The budgets of the objectives burn too fast. */
export const OBJECTIVE_ALERTS: readonly Alert[] = [
  burnAlert(availability, FAST_BURNS, {
    name: 'McpAvailabilityBurnFast',
    severity: 'page',
    summary: '{value|percent} of tool calls fail by our fault',
    description:
      "The month's budget of failed calls (0.1 %) would be gone within two to five days: at least 1.44 % failed in the last hour and in the last 5 minutes, or 0.6 % in 6 hours and 30 minutes.",
    panel: ['mcp-overview', 2],
  }),
  burnAlert(availability, SLOW_BURNS, {
    name: 'McpAvailabilityBurnSlow',
    severity: 'ticket',
    summary: '{value|percent} of tool calls fail by our fault, for a day or longer',
    description:
      "The month's budget of failed calls (0.1 %) will not last: at least 0.3 % failed in a day and in the last 2 hours, or 0.1 % in 3 days and 6 hours.",
    panel: ['mcp-overview', 2],
  }),
  burnAlert(latency, FAST_BURNS, {
    name: 'McpLatencyBurnFast',
    severity: 'page',
    summary: 'Gateways add 25 ms or more to {value|percent} of requests',
    description:
      "The month's budget of slow requests (1 %) would be gone within two to five days: at least 14.4 % were slow in the last hour and in the last 5 minutes, or 6 % in 6 hours and 30 minutes.",
    panel: ['mcp-overview', 3],
  }),
  burnAlert(latency, SLOW_BURNS, {
    name: 'McpLatencyBurnSlow',
    severity: 'ticket',
    summary: 'Gateways add 25 ms or more to {value|percent} of requests, for a day or longer',
    description:
      "The month's budget of slow requests (1 %) will not last: at least 3 % were slow in a day and in the last 2 hours, or 1 % in 3 days and 6 hours.",
    panel: ['mcp-overview', 3],
  }),
];
