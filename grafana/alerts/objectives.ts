/**
 * What is promised, in one place. Alerts say how fast its budget is used up, over windows as in Google's SRE workbook
 * (https://sre.google/workbook/alerting-on-slos/, "Multiwindow, Multi-Burn-Rate Alerts").
 */
export interface Objective {
  /** Share of events that must be good, over 30 days. */
  readonly target: number;
  /** So many bad events must lie in the longer window: what fails once at night wakes nobody. */
  readonly fewest: number;
}

/** Calls of tools that this program did not fail: docs in `recordings.ts`. */
export const AVAILABILITY: Objective = { target: 0.999, fewest: 10 };

/** Requests to which the gateway added less than `ADDED_SECONDS`. */
export const LATENCY: Objective = { target: 0.99, fewest: 50 };

/** A bound of the buckets of `mcp_gateway_added_seconds`. */
export const ADDED_SECONDS = '0.025';

/** Starts of servers that took longer are slow: a bound of the buckets of `mcp_instance_start_duration_seconds`. */
export const START_SECONDS = 5;

/** Over both windows the budget burns `rate` times as fast as it would to last 30 days. */
export interface Burn {
  readonly long: Window;
  readonly short: Window;
  readonly rate: number;
}

export const WINDOWS = ['5m', '30m', '1h', '2h', '6h', '1d', '3d'] as const;
export type Window = (typeof WINDOWS)[number];

export const WINDOW_SECONDS: Readonly<Record<Window, number>> = {
  '5m': 300,
  '30m': 1800,
  '1h': 3600,
  '2h': 7200,
  '6h': 21_600,
  '1d': 86_400,
  '3d': 259_200,
};

/** 2 % of a month's budget in an hour, 5 % in six hours. */
export const FAST_BURNS: readonly Burn[] = [
  { long: '1h', short: '5m', rate: 14.4 },
  { long: '6h', short: '30m', rate: 6 },
];

/** 10 % of a month's budget in a day, or in three. */
export const SLOW_BURNS: readonly Burn[] = [
  { long: '1d', short: '2h', rate: 3 },
  { long: '3d', short: '6h', rate: 1 },
];
