import { CONTROLLERS, GATEWAYS } from '../normal.ts';
import { all, always, becomes, type Faults, FROM, HOURS, leaves, MIB, MINUTES, noneReady, quickens } from './fault.ts';

export const GATEWAY_FAULTS: Faults = {
  McpNoReplicaReady: [
    {
      what: 'no gateway says that it is ready',
      happens: noneReady,
      at: FROM + 6 * MINUTES,
      summary: 'No gateway is ready: nobody can work',
      also: ['McpReplicaMissing', 'McpBalancerBackendDown'],
    },
    {
      what: 'all gateways are gone',
      happens: all(...GATEWAYS.map(leaves), becomes(0, 'haproxy_backend_active_servers')),
      at: FROM + 5 * MINUTES,
      summary: 'No gateway is ready: nobody can work',
      also: ['McpReplicaMissing'],
    },
  ],
  McpReplicaMissing: [
    {
      what: 'one of three gateways is gone',
      happens: leaves(GATEWAYS[2]),
      at: FROM + 10 * MINUTES,
      labels: { job: 'gateway' },
      summary: 'Only 2 of gateway left',
    },
    {
      what: 'one of two controllers is gone',
      happens: leaves(CONTROLLERS[1]),
      at: FROM + 10 * MINUTES,
      labels: { job: 'controller' },
      summary: 'Only 1 of controller left',
    },
    {
      what: 'the only egress proxy is gone',
      happens: leaves('10.0.0.7:9464'),
      at: FROM + 8 * MINUTES,
      labels: { job: 'egress' },
      summary: 'Only 0 of egress left',
    },
  ],
  McpSessionLost: [
    {
      what: 'one living session is answered with 404',
      happens: becomes(1, 'mcp_session_lost_total', GATEWAYS[0]),
      at: FROM + 1 * MINUTES,
      summary: 'A session that nobody ended was answered with 404',
    },
  ],
  McpHeldRequestsTimingOut: [
    {
      what: 'requests wait in vain',
      happens: quickens(2, ['mcp_gateway_held_total', '"timed_out"', GATEWAYS[0]]),
      at: FROM + 10 * MINUTES,
      summary: '20 requests waited for their server in vain within 10 minutes',
    },
  ],
  McpStreamGaps: [
    {
      what: 'clients come back too late',
      happens: quickens(1, ['mcp_gateway_stream_gaps_total', GATEWAYS[0]]),
      at: FROM + 10 * MINUTES,
      summary: '11 streams could not go on where their clients had left them, within 30 minutes',
    },
  ],
  McpLoginFailures: [
    {
      what: 'somebody guesses passwords',
      happens: quickens(6.1, ['mcp_admin_logins_total', '"refused"', GATEWAYS[0]], 0.05),
      at: FROM + 20 * MINUTES,
      summary: '93 logins failed within 15 minutes',
    },
  ],
  McpEventLoopLag: [
    {
      what: 'a gateway has too much to do',
      happens: becomes(0.35, 'nodejs_eventloop_lag_p99_seconds', GATEWAYS[1]),
      at: FROM + 15 * MINUTES,
      labels: { job: 'gateway', instance: GATEWAYS[1] },
      summary: `gateway ${GATEWAYS[1]} is late by 350ms`,
    },
  ],
  McpMemoryGrowth: [
    {
      what: 'a gateway leaks',
      happens: always((at) => (600 + (40 * at) / HOURS) * MIB, 'process_resident_memory_bytes', GATEWAYS[0]),
      at: 4 * HOURS,
      labels: { job: 'gateway', instance: GATEWAYS[0] },
      summary: `Memory of gateway ${GATEWAYS[0]} grows by 960MiB a day`,
    },
  ],
};
