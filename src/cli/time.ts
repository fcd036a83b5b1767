import { AppError } from '../core/errors.ts';

const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Milliseconds of `90s`, `10m`, `2h`, `1d`. Throws `request.invalid` for what is no duration. */
export function durationOf(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text) ?? [];
  if (number === undefined) {
    throw new AppError('request.invalid', `"${text}" is not a duration: it must be like 90s, 10m, 2h or 1d`);
  }
  return Number(number) * UNITS[unit as keyof typeof UNITS];
}

/**
 * A time, milliseconds since the epoch: `10m` is ten minutes before `now`, else a date as `Date.parse` takes it
 * (`2026-11-21T12:00:00Z`). Throws `request.invalid`.
 */
export function timeOf(text: string, now: number): number {
  if (/^[\d.]+[a-z]+$/.test(text)) return now - durationOf(text);
  const time = Date.parse(text);
  if (!Number.isNaN(time)) return time;
  throw new AppError('request.invalid', `"${text}" is not a time: it must be like 10m (ago) or 2026-11-21T12:00:00Z`);
}
