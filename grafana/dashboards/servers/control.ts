import { bars, lines, stat } from '../kit/charts.ts';
import { events, inCharge, perSecond, quantiles, query } from '../kit/query.ts';
import { IN_CHARGE, timeline } from '../kit/states.ts';
import { lowIsBad, notAbove } from '../kit/thresholds.ts';

export const control = [
  timeline(9, 'Controller in charge', {
    shows: 'Which controller has the lease, over time.',
    well: 'Always exactly one.',
    otherwise: 'None: nothing is started or ended. Is a controller up (On call, Targets), and does it reach the store?',
    size: [12, 6],
    words: IN_CHARGE,
    queries: [query('mcp_controller_lease_held', '{{instance}}')],
  }),
  lines(10, 'Time since the last pass', {
    shows: 'How long ago a controller last compared what should run with what runs.',
    well: 'Seconds.',
    otherwise:
      'Above 2 min: no controller, no store, or an engine that does not answer. Passes that failed says which.',
    size: [12, 6],
    unit: 's',
    thresholds: notAbove(120),
    queries: [query('time() - max(mcp_controller_last_reconcile_timestamp_seconds > 0)', 'since the last pass')],
  }),
  bars(11, 'Passes that failed, by reason', {
    shows: 'Passes of the controller that failed, by what was out of reach.',
    well: 'None.',
    otherwise:
      'store: Store and balancer. runtime: Docker Engine on the machine of the controller. lease: two that contend.',
    size: [8, 8],
    unit: 'short',
    queries: [query(`${events('mcp_controller_reconcile_errors_total', 'reason')} > 0`, '{{reason}}')],
  }),
  lines(111, 'Time of a pass', {
    shows: 'How long one pass of the controller over all sessions and instances takes.',
    well: 'Well below a second.',
    otherwise: 'Seconds: the engine or the store is slow; starts and ends come late.',
    size: [8, 8],
    unit: 's',
    queries: quantiles('mcp_controller_reconcile_duration_seconds'),
  }),
  lines(5, 'Orphans', {
    shows: 'Instances that no session wants: those that could not be ended, those found, those ended.',
    well: 'None that stay; found and ended are the same.',
    otherwise:
      'Some stay: the engine refuses to end them. `mcp-session-manager cleanup`, then look at the controller’s log.',
    size: [8, 8],
    unit: 'short',
    decimals: 0,
    queries: [
      query(inCharge('mcp_orphans', ''), 'stay'),
      query(events('mcp_orphans_found_total', ''), 'found'),
      query(events('mcp_orphans_removed_total', ''), 'ended'),
    ],
  }),
];

export const out = [
  stat(8, 'Certificates', {
    shows: 'How long the first certificate lasts that instances of each server were shown.',
    well: 'More than 14 days.',
    otherwise:
      'Renew it on that host (Proxmox: pvenode acme cert order, or upload one); the server’s log names the host.',
    size: [6, 8],
    unit: 's',
    thresholds: lowIsBad(3 * 86_400, 14 * 86_400),
    queries: [query('min by (server) ((mcp_certificate_expiry_timestamp_seconds > 0) - time())', '{{server}}')],
  }),
  lines(112, 'Connections to the outside', {
    shows: 'Connections of instances through the egress proxy that stand, and new ones per second.',
    well: 'Follows the calls of servers that ask others.',
    otherwise: 'None while calls fail: the egress proxy is down (On call, Targets), or grants do not match the host.',
    size: [6, 8],
    unit: 'short',
    queries: [
      query('sum(mcp_egress_connections)', 'standing'),
      query(perSecond('mcp_egress_connections_total', ''), 'new per second'),
    ],
  }),
  lines(113, 'Bytes to and from the outside', {
    shows: 'What instances sent and received through the egress proxy, counted when a connection ends.',
    well: 'What is usual.',
    otherwise: 'Very much sent: find out what, and who asked for it, in the audit records of the server.',
    size: [6, 8],
    unit: 'binBps',
    queries: [
      query(perSecond('mcp_egress_sent_bytes_total', ''), 'sent'),
      query(perSecond('mcp_egress_received_bytes_total', ''), 'received'),
    ],
  }),
  bars(115, 'Connections refused', {
    shows: 'Connections that instances asked for and that the egress proxy did not make, by reason.',
    well: 'None.',
    otherwise:
      'host, address: the session’s configuration names another one. dns, refused, unreachable, timeout: the host itself, or the way to it.',
    size: [6, 8],
    unit: 'short',
    queries: [query(`${events('mcp_egress_refused_total', 'reason')} > 0`, '{{reason}}')],
  }),
];
