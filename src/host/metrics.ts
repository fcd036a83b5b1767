import { Counter, Gauge, Registry } from 'prom-client';
import type { Channels } from './channels.ts';
import type { Launcher } from './launcher.ts';

/** What the host shows at `/metrics`, as it is now. @param ready undefined: the host has no assignment yet */
export function hostMetrics(ready: { launcher: Launcher; channels: Channels } | undefined): Registry {
  const registry = new Registry();
  const gauge = (name: string, help: string, value: number): void => {
    new Gauge({ name, help, registers: [registry] }).set(value);
  };
  const count = (name: string, help: string, value: number): void => {
    new Counter({ name, help, registers: [registry] }).inc(value);
  };
  const { launcher, channels } = ready ?? {};
  gauge('mcp_host_configured', '1 once the host has its assignment', launcher ? 1 : 0);
  gauge('mcp_host_channels', 'Channels held', channels?.size ?? 0);
  gauge('mcp_host_log_bytes', 'Bytes in the logs of all channels', channels?.logBytes ?? 0);
  gauge('mcp_host_servers', 'MCP servers running', launcher?.running ?? 0);
  gauge(
    'mcp_host_circuits_open',
    '1 while servers are not started because they failed too often',
    launcher?.circuit === 'open' ? 1 : 0,
  );
  count('mcp_host_child_exits_total', 'MCP servers that ended by themselves', launcher?.restarts ?? 0);
  count('mcp_host_replays_total', 'Requests that came again with a key that was known', channels?.replays ?? 0);
  return registry;
}
