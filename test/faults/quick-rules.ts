import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse, stringify } from 'yaml';

/** The rules as they are delivered. */
const RULES = fileURLToPath(new URL('../../grafana/prometheus/rules.yml', import.meta.url));

const SECONDS: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400 };
const DURATION = /(\d+)(ms|s|m|h|d)/g;
/** A range, or a subquery's: `[5m]`, `[2h:1m]`. */
const RANGE = /\[[\d:smhd]+\]/g;
/** Seconds as plain numbers: a count made of a rate, and an age. */
const PLAIN = [/(\* )(\d+)(?= >= )/g, /(time\(\) - [^>]*> )(\d+)/g];

interface Rule {
  readonly expr: string;
  readonly for?: string;
}
interface RuleFile {
  readonly groups: readonly { readonly name: string; readonly interval: string; readonly rules: readonly Rule[] }[];
}

/**
 * The delivered rules for a clock that runs `speed` times as fast: every duration in them is so much shorter, nothing else differs.
 * A fault of a minute then looks to them like one of `speed` minutes.
 */
export function quickRules(speed: number): string {
  const { groups } = parse(readFileSync(RULES, 'utf8')) as RuleFile;
  const shorter = (duration: string): string =>
    duration.replaceAll(DURATION, (_, count: string, unit: string) => {
      const ms = Math.round((Number(count) * (SECONDS[unit] as number) * 1000) / speed);
      return `${ms}ms`;
    });
  const quick = (expr: string): string =>
    PLAIN.reduce(
      (text, pattern) => text.replaceAll(pattern, (_, before: string, count: string) => before + Number(count) / speed),
      expr.replaceAll(RANGE, shorter),
    );
  return stringify({
    groups: groups.map(({ name, interval, rules }) => ({
      name,
      interval: shorter(interval),
      rules: rules.map((rule) => ({
        ...rule,
        expr: quick(rule.expr),
        ...(rule.for === undefined ? {} : { for: shorter(rule.for) }),
      })),
    })),
  });
}
