import { describe, expect, it } from 'vitest';
import { metricsOf, parsePromql } from '../support/promql.ts';

describe('parsePromql', () => {
  it('lists selectors with their matchers', () => {
    expect(parsePromql('sum(rate(a_total{x="y", z!~"q\\\\d|r"}[5m] offset 1h)) / b:c').selectors).toEqual([
      {
        metric: 'a_total',
        matchers: [
          { label: 'x', operator: '=', value: 'y' },
          { label: 'z', operator: '!~', value: 'q\\d|r' },
        ],
      },
      { metric: 'b:c', matchers: [] },
    ]);
  });

  it('lists the labels of groupings and joins', () => {
    expect(parsePromql('sum by (job, le) (a) / on (job) group_left (v) b').grouping).toEqual(['job', 'le', 'job', 'v']);
  });

  it('takes the name from __name__', () => {
    expect(metricsOf('a + {__name__="b", c="d"} + a')).toEqual(['a', 'b']);
  });

  it.each(['', 'a +', 'rate(a[$__rate_interval])', 'sum(a', 'a{b=c}', '{b="c"}'])('refuses %s', (expression) => {
    expect(() => parsePromql(expression)).toThrow(/no PromQL at|without the name/);
  });
});
