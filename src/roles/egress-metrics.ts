import type { EgressReason } from '../core/egress.ts';
import type { Tally } from '../egress/tally.ts';
import type { Metrics } from '../telemetry/metrics/metrics.ts';

/** Has the metrics of the egress proxy shown: `tally` has all of them. */
export function measureEgress(metrics: Metrics, tally: Tally): void {
  const open = metrics.gauge('mcp_egress_connections');
  const connected = metrics.total('mcp_egress_connections_total');
  const sent = metrics.total('mcp_egress_sent_bytes_total');
  const received = metrics.total('mcp_egress_received_bytes_total');
  const refused = Object.keys(tally.refused).map((reason) => {
    const total = metrics.total('mcp_egress_refused_total', { reason: reason as EgressReason });
    return () => total(tally.refused[reason as EgressReason]);
  });
  metrics.beforeShowing(() => {
    open.set(tally.open);
    connected(tally.connected);
    sent(tally.bytesOut);
    received(tally.bytesIn);
    for (const show of refused) show();
  });
}
