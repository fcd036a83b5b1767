import { isAbsolute } from 'node:path';
import { z } from 'zod';

/**
 * Schemas of single settings. Each takes what the environment (text) or the file (JSON) holds; its message ends the
 * sentence "{setting} ...". Values are not repeated in messages: some hold passwords.
 */

const DURATION = /^(\d+)(ms|s|m|h|d)$/;
const MILLISECONDS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const SIZE = /^(\d+)(B|KiB|MiB|GiB)$/;
const BYTES: Readonly<Record<string, number>> = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };

/** A whole number; in the environment in decimal digits. */
export function integer(min: number, max: number) {
  const error = `must be a whole number from ${min} to ${max}`;
  return z.preprocess(
    (value) => (typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value),
    z.int({ error }).min(min, { error }).max(max, { error }),
  );
}

/** Number and unit, at least `min`; becomes milliseconds. At most 2^31-1 ms (24.8 days), the longest timer of Node. */
export function duration(min: string) {
  const least = parsed(DURATION, MILLISECONDS, min) as number;
  return measure(
    DURATION,
    MILLISECONDS,
    least,
    2 ** 31 - 1,
    `must be a duration from ${min} to 24d, such as 500ms, 30s, 15m, 24h or 7d`,
  );
}

/** Number and unit, at least `min`; becomes bytes. At most 1 GiB, since most is held in memory, unless `max` says so. */
export function size(min: string, max = '1GiB') {
  const [least, most] = [min, max].map((bound) => parsed(SIZE, BYTES, bound) as number) as [number, number];
  return measure(SIZE, BYTES, least, most, `must be a size from ${min} to ${max}, such as 64KiB or 16MiB`);
}

/** A number, not only a whole one; in the environment in decimal digits. */
export function decimal(min: number, max: number) {
  const error = `must be a number from ${min} to ${max}`;
  return z.preprocess(
    (value) => (typeof value === 'string' && /^\d+(\.\d+)?$/.test(value) ? Number(value) : value),
    z.number({ error }).min(min, { error }).max(max, { error }),
  );
}

/** Texts; in the environment between `separator`. */
export function list<T extends z.ZodType>(separator: string, item: T) {
  return z.preprocess(
    (value) => (typeof value === 'string' ? value.split(separator).filter((part) => part !== '') : value),
    z.array(item, { error: `must be a list (in the environment: separated by "${separator}")` }),
  );
}

/** Yes or no; in the environment `true` or `false`. */
export const flag = z.preprocess(
  (value) => (value === 'true' ? true : value === 'false' ? false : value),
  z.boolean({ error: 'must be true or false' }),
);

/** Text with something in it. */
export const text = z.string({ error: 'must be a text' }).min(1, { error: 'must not be empty' });

export const absolutePath = text.refine(isAbsolute, { error: 'must be an absolute path' });

function measure(pattern: RegExp, units: Readonly<Record<string, number>>, min: number, max: number, error: string) {
  return z.string({ error }).transform((value, context) => {
    const amount = parsed(pattern, units, value);
    if (amount !== undefined && amount >= min && amount <= max) return amount;
    context.issues.push({ code: 'custom', message: error, input: value });
    return z.NEVER;
  });
}

function parsed(pattern: RegExp, units: Readonly<Record<string, number>>, value: string): number | undefined {
  const match = pattern.exec(value);
  return match ? Number(match[1]) * (units[match[2] as string] as number) : undefined;
}
