import { Counter, Gauge, Registry } from 'prom-client';
import type { Tally } from './tally.ts';

/** What the proxy shows at `/metrics`, made when asked: `tally` has all of it. */
export function egressMetrics(tally: Tally): Registry {
  const registry = new Registry();
  const registers = [registry];
  const count = (name: string, help: string, value: number): void => {
    new Counter({ name, help, registers }).inc(value);
  };
  new Gauge({ name: 'mcp_egress_connections', help: 'Connections that stand', registers }).set(tally.open);
  count('mcp_egress_connections_total', 'Connections made for instances', tally.connected);
  count('mcp_egress_sent_bytes_total', 'Bytes from instances, of connections that have ended', tally.bytesOut);
  count('mcp_egress_received_bytes_total', 'Bytes to instances, of connections that have ended', tally.bytesIn);
  const refused = new Counter({
    name: 'mcp_egress_refused_total',
    help: 'Connections that were asked for and not made, by reason',
    labelNames: ['reason'],
    registers,
  });
  for (const [reason, times] of Object.entries(tally.refused)) refused.inc({ reason }, times);
  return registry;
}
