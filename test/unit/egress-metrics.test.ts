import { expect, it } from 'vitest';
import { EGRESS_REASONS, type EgressReason } from '../../src/core/egress.ts';
import { Tally } from '../../src/egress/tally.ts';
import { measureEgress } from '../../src/roles/egress-metrics.ts';
import { METRICS } from '../../src/telemetry/metrics/catalogue.ts';
import type { MetricDefinition } from '../../src/telemetry/metrics/definition.ts';
import { Metrics } from '../../src/telemetry/metrics/metrics.ts';
import { metricOf, seriesOf } from '../support/series.ts';

it('every metric of the egress proxy shows what it has done, as often as it is asked', async () => {
  const metrics = new Metrics({ role: 'egress', version: '1', servers: [], tools: [] });
  const tally = new Tally();
  measureEgress(metrics, tally);
  const initial = seriesOf(await metrics.show());
  Object.assign(tally, { open: 2, connected: 3, bytesOut: 5, bytesIn: 7 });
  const reasons = Object.keys(EGRESS_REASONS) as EgressReason[];
  for (const [index, reason] of reasons.entries()) tally.refused[reason] = index + 1;
  await metrics.show();
  const all = seriesOf(await metrics.show());
  const changed = new Map([...all].filter(([name, value]) => value !== initial.get(name)));
  expect(changed).toEqual(
    new Map([
      ['mcp_egress_connections', 2],
      ['mcp_egress_connections_total', 3],
      ['mcp_egress_sent_bytes_total', 5],
      ['mcp_egress_received_bytes_total', 7],
      ...reasons.map((reason, index): [string, number] => [`mcp_egress_refused_total{reason="${reason}"}`, index + 1]),
    ]),
  );
  const own = Object.entries<MetricDefinition>(METRICS).filter(([, { roles }]) => roles.join() === 'egress');
  expect(own.map(([name]) => name).sort()).toEqual([...new Set([...changed.keys()].map(metricOf))].sort());
});
