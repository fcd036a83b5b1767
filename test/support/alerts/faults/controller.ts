import { CONTROLLERS } from '../normal.ts';
import { all, becomes, type Faults, FROM, lacks, leaves, MINUTES, noLease, quickens, stands } from './fault.ts';

const [IN_CHARGE] = CONTROLLERS;
const NO_LEASE = 'No controller is in charge: no server is started, stopped or replaced';
const NONE_STARTS = 'No server can be started: the engine, its disk or the image';

export const CONTROLLER_FAULTS: Faults = {
  McpNoControllerLease: [
    {
      what: 'no controller gets the lease',
      happens: noLease,
      at: FROM + 5 * MINUTES,
      summary: NO_LEASE,
    },
    {
      what: 'all controllers are gone',
      happens: all(...CONTROLLERS.map(leaves)),
      at: FROM + 5 * MINUTES,
      summary: NO_LEASE,
      also: ['McpReplicaMissing'],
    },
  ],
  McpReconcileStalled: [
    {
      what: 'passes hang',
      happens: stands('mcp_controller_last_reconcile_timestamp_seconds'),
      at: FROM + 5 * MINUTES,
      summary: 'The controller in charge has finished no pass for 5m 5s',
    },
  ],
  McpRuntimeUnavailable: [
    {
      what: 'the engine is down',
      happens: all(
        stands('mcp_controller_last_reconcile_timestamp_seconds'),
        quickens(4, ['mcp_controller_reconcile_errors_total', '"runtime"', IN_CHARGE]),
        stands('mcp_instance_starts_total'),
      ),
      at: FROM + 10 * MINUTES,
      summary: NONE_STARTS,
    },
    {
      what: 'the disk is full, and nobody wants but one server',
      happens: lacks('disk', ['filesystem']),
      at: FROM + 12 * MINUTES,
      summary: NONE_STARTS,
    },
    {
      what: 'the image of all servers is missing',
      happens: lacks('image', ['filesystem', 'proxmox']),
      at: FROM + 12 * MINUTES,
      summary: NONE_STARTS,
    },
  ],
  McpOrphansGrowing: [
    {
      what: 'containers do not end',
      happens: becomes(3, 'mcp_orphans', IN_CHARGE),
      at: FROM + 20 * MINUTES,
      summary: '3 servers belong to no session and do not end',
    },
  ],
  McpCapacityNear: [
    {
      what: 'many sessions',
      happens: becomes(900, 'mcp_instance_running', IN_CHARGE),
      at: FROM + 20 * MINUTES,
      summary: '90% of the places for servers are taken',
    },
  ],
  McpQueueFull: [
    {
      what: 'more starts than places to wait',
      happens: all(
        becomes(1000, 'mcp_instance_running', IN_CHARGE),
        becomes(200, 'mcp_instance_queue{', IN_CHARGE),
        quickens(3, ['mcp_instance_queue_rejected_total', IN_CHARGE]),
      ),
      at: FROM + 5 * MINUTES,
      summary: 'No place for servers, and no place to wait: clients are turned away with 429',
    },
  ],
};
