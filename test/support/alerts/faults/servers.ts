import { is } from '../world.ts';
import { all, always, becomes, type Faults, FROM, lacks, MINUTES, quickens, stands } from './fault.ts';

const OF_FILESYSTEM = 'duration_seconds_bucket{server="filesystem"';

export const SERVER_FAULTS: Faults = {
  McpInstanceCrashLoop: [
    {
      what: 'containers end again and again',
      happens: quickens(1, ['mcp_instance_restarts_total{server="filesystem"']),
      at: FROM + 20 * MINUTES,
      labels: { server: 'filesystem' },
      summary: 'filesystem has ended by itself 15 times within 15 minutes',
    },
    {
      what: 'children end again and again',
      happens: quickens(2, ['mcp_host_child_exits_total{server="proxmox"']),
      at: FROM + 20 * MINUTES,
      labels: { server: 'proxmox' },
      summary: 'proxmox has ended by itself 30 times within 15 minutes',
    },
  ],
  McpStartSlow: [
    {
      what: 'half of the starts take longer than five seconds',
      happens: all(quickens(0.1, [OF_FILESYSTEM, 'le="1"'], 1.8), quickens(0.1, [OF_FILESYSTEM, 'le="5"'], 1.95)),
      at: FROM + 40 * MINUTES,
      labels: { server: 'filesystem' },
      summary: 'One start of filesystem in ten takes 27.37s or longer',
    },
  ],
  McpStartFailing: [
    {
      what: 'a server does not come up any more',
      happens: all(
        stands('mcp_instance_starts_total{server="proxmox"', '"ready"'),
        quickens(1, ['mcp_instance_starts_total{server="proxmox"', '"failed"'], 0.02),
      ),
      at: FROM + 20 * MINUTES,
      labels: { server: 'proxmox' },
      summary: '100% of the starts of proxmox fail',
    },
    {
      what: 'the image of one server is missing, and at night nobody starts another',
      happens: lacks('image', ['proxmox']),
      at: FROM + 40 * MINUTES,
      labels: { server: 'proxmox' },
      summary: '100% of the starts of proxmox fail',
    },
  ],
  McpCircuitOpen: [
    {
      what: 'instances are not started any more',
      happens: becomes(2, 'mcp_instance_circuits_open{server="proxmox"'),
      at: FROM + 6 * MINUTES,
      labels: { server: 'proxmox' },
      summary: 'proxmox of 2 sessions is not started for a while: it failed too often',
    },
    {
      what: 'children are not started any more',
      happens: becomes(1, 'mcp_host_circuits_open{server="filesystem"'),
      at: FROM + 6 * MINUTES,
      labels: { server: 'filesystem' },
      summary: 'filesystem of 1 sessions is not started for a while: it failed too often',
    },
  ],
  McpCertificateNearExpiry: [
    {
      what: 'ten days are left',
      happens: always(is(10 * 86_400), 'mcp_certificate_expiry_timestamp_seconds{server="proxmox"'),
      at: FROM,
      labels: { server: 'proxmox' },
      summary: 'A certificate that proxmox is shown runs out in 9d 23h 30m 0s',
    },
  ],
};
