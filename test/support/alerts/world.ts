/** What a series is, so many seconds after the beginning; nothing: it is not there. */
export type Value = (seconds: number) => number | undefined;

/** Series by their notation, `up{job="gateway"}`. */
export type World = Map<string, Value>;

/** Prometheus asks every so often, seconds. */
export const STEP = 30;

export const is =
  (value: number): Value =>
  () =>
    value;

/** A counter that began at 0. */
export const rises =
  (perMinute: number): Value =>
  (seconds) =>
    (perMinute * seconds) / 60;

/** Goes on as before, but from `since` on by another rate. */
export const risesSince =
  (since: number, perMinute: number, before = 0): Value =>
  (seconds) =>
    (before * Math.min(seconds, since) + perMinute * Math.max(0, seconds - since)) / 60;

/** Another value from `since` on, until `until`. */
export const between =
  (since: number, until: number, inside: Value, outside: Value): Value =>
  (seconds) =>
    (seconds >= since && seconds < until ? inside : outside)(seconds);

export const after = (since: number, then: Value, before: Value): Value =>
  between(since, Number.POSITIVE_INFINITY, then, before);

export const gone: Value = () => undefined;

/** Labels as Prometheus writes them: `{a="b"}`. */
export const series = (metric: string, labels: Readonly<Record<string, string>>): string =>
  `${metric}{${Object.entries(labels)
    .map(([name, value]) => `${name}="${value}"`)
    .join(',')}}`;

/** Series whose notation has all of `parts`. */
export const named = (world: World, ...parts: readonly string[]): string[] =>
  [...world.keys()].filter((one) => parts.every((part) => one.includes(part)));

/**
 * Replaces the value of each series whose notation has all of `parts`.
 * @throws Error if there is none: the fault would not be one
 */
export function change(world: World, parts: readonly string[], value: (before: Value) => Value): void {
  const found = named(world, ...parts);
  if (found.length === 0) throw new Error(`no series has ${parts.join(' and ')}`);
  for (const one of found) world.set(one, value(world.get(one) as Value));
}

/** The notation of promtool: every sample, `_` for none, `stale` where a series ends. */
export function samplesOf(value: Value, seconds: number): string {
  const samples: string[] = [];
  for (let at = 0, before: number | undefined; at <= seconds; at += STEP) {
    const now = value(at);
    samples.push(now !== undefined ? String(now) : before !== undefined ? 'stale' : '_');
    before = now;
  }
  return samples.join(' ');
}
