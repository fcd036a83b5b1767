import {
  LATENCY as ADDED,
  ADDED_SECONDS,
  AVAILABILITY as CALLS,
  FAST_BURNS,
  SLOW_BURNS,
  WINDOWS,
} from '../alerts/objectives.ts';
import { type Query, query } from './kit/query.ts';
import type { Thresholds } from './kit/thresholds.ts';

/** A promise: what alerts and these dashboards know of it by recording rules, and the share that must be good. */
export interface Promised {
  readonly target: number;
  /** Recorded: the share of what was bad, over a window that is appended: `5m`. */
  readonly ratio: string;
  /** The share of what was bad in 30 days, or in what Prometheus has of them; 0 if there was nothing. */
  readonly badOfMonth: string;
}

/** Tool calls that do not fail through us. */
export const AVAILABILITY: Promised = {
  target: CALLS.target,
  ratio: 'mcp:tool_calls:error_ratio_rate',
  // Of what is recorded, which goes on when replicas are replaced.
  badOfMonth:
    'avg_over_time(mcp:tool_calls_failed:rate5m[30d]) / (avg_over_time(mcp:tool_calls:rate5m[30d]) > 0) or vector(0)',
};

const added = (series: string, matchers = ''): string =>
  `sum(increase(mcp_gateway_added_seconds_${series}{${matchers}}[30d]))`;

/** Requests that the gateway does not hold up. */
export const LATENCY: Promised = {
  target: ADDED.target,
  ratio: 'mcp:added_time:slow_ratio_rate',
  badOfMonth: `1 - ${added('bucket', `le="${ADDED_SECONDS}"`)} / (${added('count')} > 0) or vector(0)`,
};

/** The share that was good over the last hour, day and month. */
export const kept = (promised: Promised): readonly Query[] => [
  ...['1h', '1d'].map((window) => query(`1 - ${promised.ratio}${window}`, window)),
  query(`1 - (${promised.badOfMonth})`, '30d'),
];

/** How many times faster than allowed the budget burns, over the windows that alerts look at. */
export const burnRates = ({ ratio, target }: Promised): readonly Query[] =>
  WINDOWS.map((window) => query(`${ratio}${window} / ${budget(target)}`, window));

/** The share of a month's budget that is left; below 0 when more was used than there was. */
export const budgetLeft = (promised: Promised): string => `1 - (${promised.badOfMonth}) / ${budget(promised.target)}`;

/** 1 - target, without the noise of binary fractions. */
const budget = (target: number): number => Number((1 - target).toFixed(6));

/** Those of the alerts. */
export const BURN_THRESHOLDS: Thresholds = [
  { value: null, color: 'green' },
  ...[...FAST_BURNS, ...SLOW_BURNS]
    .map(({ rate }) => rate)
    .sort((a, b) => a - b)
    .map((value, index) => ({ value, color: ['yellow', 'orange', 'red', 'dark-red'][index] ?? 'dark-red' })),
];
