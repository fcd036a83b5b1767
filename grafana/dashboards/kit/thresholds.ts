import type { Threshold } from '@grafana/grafana-foundation-sdk/dashboard';
import { BAD, QUIET, WATCH, WELL } from './colours.ts';

/** Colours of a value, from the lowest up: each holds from its value on, the first from anywhere. */
export type Thresholds = readonly Threshold[];

const from = (value: number | null, color: string): Threshold => ({ value, color });

/** Green; yellow from `watch` on; red from `bad` on. */
export const highIsBad = (watch: number, bad: number): Thresholds => [
  from(null, WELL),
  from(watch, WATCH),
  from(bad, BAD),
];

/** Red; yellow from `watch` on; green from `well` on. */
export const lowIsBad = (watch: number, well: number): Thresholds => [
  from(null, BAD),
  from(watch, WATCH),
  from(well, WELL),
];

/** Red from `limit` on. */
export const notAbove = (limit: number): Thresholds => [from(null, WELL), from(limit, BAD)];

/** Red below `limit`. */
export const notBelow = (limit: number): Thresholds => [from(null, BAD), from(limit, WELL)];

/** Red for anything but nothing at all, also where Prometheus's extrapolation makes a part of an event. */
export const NONE_AT_ALL: Thresholds = notAbove(0.0001);

/** Says how much there is, and judges nothing. */
export const NO_JUDGEMENT: Thresholds = [from(null, QUIET)];
