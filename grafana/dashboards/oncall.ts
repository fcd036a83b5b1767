import { SIGNS } from '../alerts/signs.ts';
import { CALLS, faultsOf, OPERATIONS_COUNT, OTHER_CALLS, PROXMOX_CALLS, shareNow } from './calls.ts';
import { board } from './kit/board.ts';
import { stacked, stat } from './kit/charts.ts';
import { inCharge, inRange, perSecond, query } from './kit/query.ts';
import { FIRING, IN_CHARGE, timeline, UP_OR_DOWN, word } from './kit/states.ts';
import { alertList, note } from './kit/text.ts';
import { highIsBad, lowIsBad, NONE_AT_ALL } from './kit/thresholds.ts';
import { AVAILABILITY, budgetLeft } from './slo.ts';

const firing = alertList(100, 'Firing now', {
  shows:
    'Alerts that fire or are about to, the most important first. Each leads to its runbook and to the panel that shows it.',
  well: 'Empty.',
  otherwise: 'Take the first one that pages and follow its runbook, step by step.',
  size: [9, 12],
});

const parts = [
  stat(101, 'Gateways ready', {
    shows: 'Gateways that take new work.',
    well: 'Two or more.',
    otherwise: '0: nobody can work; Targets says whether they run, Store whether they lack it. 1: nothing is lost yet.',
    size: [3, 4],
    unit: 'short',
    decimals: 0,
    thresholds: lowIsBad(1, 2),
    queries: [query('sum(mcp_gateway_ready) or vector(0)', 'gateways')],
  }),
  word(102, 'Controller', {
    shows: 'Whether a controller is in charge.',
    well: 'In charge.',
    otherwise: 'Running servers go on, nothing is started or ended: Servers, Controller.',
    size: [3, 4],
    words: { 0: ['none', 'red'], 1: [IN_CHARGE[1]?.[0] ?? '', 'green'] },
    queries: [query('max(mcp_controller_lease_held) or vector(0)', 'controller')],
  }),
  word(103, 'Store', {
    shows: 'Whether anybody reaches Redis and can write to it.',
    well: 'Up.',
    otherwise: 'Calls of known sessions go on, all else waits: Store and balancer. Mend this first, the rest follows.',
    size: [3, 4],
    words: UP_OR_DOWN,
    queries: [query('max(mcp_store_up) or vector(0)', 'store')],
  }),
  word(104, 'Balancer', {
    shows: 'Whether HAProxy answers.',
    well: 'Up.',
    otherwise: 'Nobody reaches a gateway. Restart it; it holds nothing that could be lost.',
    size: [3, 4],
    words: UP_OR_DOWN,
    queries: [query('max(up{job="haproxy"}) or vector(0)', 'balancer')],
  }),
  word(105, 'Egress', {
    shows: 'Whether the proxy answers by which servers reach Proxmox and other hosts.',
    well: 'Up.',
    otherwise: 'Servers that ask others fail, all else works. Restart it; calls can be made again at once.',
    size: [3, 4],
    words: UP_OR_DOWN,
    queries: [query('max(up{job="egress"}) or vector(0)', 'egress')],
  }),
];

const faults = [
  stat(106, 'Is it us?', {
    shows: 'Tool calls of the last five minutes that failed through us: unavailable, outcome unknown, internal.',
    well: 'Below 0.1 %.',
    otherwise:
      'A part above is red: that one. All green: a server that dies in its calls (Servers), or one replica (Overview).',
    size: [4, 4],
    unit: 'percentunit',
    decimals: 2,
    thresholds: highIsBad(0.001, 0.0144),
    queries: [query(shareNow(faultsOf('us')), 'ours')],
  }),
  stat(107, 'A server?', {
    shows: 'Tool calls of the last five minutes to which a server itself answered with an error.',
    well: 'A few per cent: tools also fail because of what they are asked.',
    otherwise:
      'Servers, Tools that fail says which; its owner or its log says why. We bring the error, we do not make it.',
    size: [4, 4],
    unit: 'percentunit',
    decimals: 1,
    thresholds: highIsBad(0.1, 0.3),
    queries: [query(shareNow(faultsOf('server')), 'a server')],
  }),
  stat(108, 'Proxmox?', {
    shows: 'The same for the tools for Proxmox alone.',
    well: 'A few per cent.',
    otherwise:
      'Look whether the cluster is up, whether its certificate is valid (Servers, Certificates), and at Egress.',
    size: [4, 4],
    unit: 'percentunit',
    decimals: 1,
    thresholds: highIsBad(0.1, 0.3),
    queries: [query(shareNow(faultsOf('server'), OPERATIONS_COUNT, PROXMOX_CALLS), 'Proxmox')],
  }),
  stat(109, 'A client?', {
    shows: 'Tool calls of the last five minutes that were wrong, too many, too late, or given up by the client.',
    well: 'Below 5 %.',
    otherwise: 'One person’s client: `mcp-session-manager sessions` shows whose. It wakes nobody.',
    size: [3, 4],
    unit: 'percentunit',
    decimals: 1,
    queries: [query(shareNow(faultsOf('client')), 'a client')],
  }),
];

const worries = [
  stat(110, 'Sessions lost', {
    shows: 'Requests of sessions that are gone although nobody ended them, in the range that is shown.',
    well: '0.',
    otherwise: 'Was the store emptied? Sessions, Sessions lost shows when.',
    size: [3, 4],
    unit: 'short',
    decimals: 0,
    thresholds: NONE_AT_ALL,
    queries: [query(`${inRange('mcp_session_lost_total', '')} or vector(0)`, 'lost')],
  }),
  stat(111, 'Instances failed', {
    shows: 'Servers of sessions that have failed.',
    well: '0, or a few of one person who tries something.',
    otherwise: 'Servers, Servers, one by one says which; many of all kinds: the machine or the engine.',
    size: [3, 4],
    unit: 'short',
    decimals: 0,
    thresholds: highIsBad(1, 5),
    queries: [query(`sum(${inCharge('mcp_instances', 'server', 'state="failed"')}) or vector(0)`, 'failed')],
  }),
  stat(112, 'Waiting', {
    shows: 'Requests that wait for their server or for the store.',
    well: 'A few, for seconds.',
    otherwise: 'Store, Controller, or full: Servers, Capacity.',
    size: [3, 4],
    unit: 'short',
    decimals: 0,
    thresholds: highIsBad(10, 50),
    queries: [query('sum(mcp_gateway_held_requests) or vector(0)', 'waiting')],
  }),
  stat(113, 'Places taken', {
    shows: 'How much of the capacity for servers is used.',
    well: 'Below 85 %.',
    otherwise: 'Servers, Capacity: raise the limit, or end idle sessions with `mcp-session-manager cleanup --all`.',
    size: [3, 4],
    unit: 'percentunit',
    decimals: 0,
    thresholds: highIsBad(0.85, 1),
    queries: [query(`${inCharge('mcp_instance_running', '')} / ${inCharge('mcp_instance_capacity', '')}`, 'places')],
  }),
  stat(114, 'Budget left', {
    shows: 'What is left of the tool calls that may fail through us in 30 days.',
    well: 'More than half.',
    otherwise: 'Overview, Availability: burn rates says how fast it goes.',
    size: [3, 4],
    unit: 'percentunit',
    decimals: 0,
    thresholds: lowIsBad(0, 0.25),
    queries: [query(budgetLeft(AVAILABILITY), 'budget')],
  }),
];

const course = [
  note(115, 'What is red, and where to go', {
    shows: 'The way from what is red to the page that says more.',
    well: 'You do not need it.',
    otherwise: 'From the top down: the first line that fits.',
    size: [9, 16],
    markdown: [
      '| red | go to |',
      '|---|---|',
      '| **Store** | [Store and balancer](d/mcp-store). First of all: the rest follows |',
      '| **Balancer** | restart it: it holds no state |',
      '| **Gateways** | *Targets* below: do they run? Then [One replica](d/mcp-replica) |',
      '| **Controller** | [Servers](d/mcp-servers), *Controller*. Calls of running servers go on |',
      '| **Is it us?**, all else green | [Overview](d/mcp-overview), *Tool calls by outcome* |',
      '| **A server?** | [Servers](d/mcp-servers), *Tools that fail* |',
      '| **Proxmox?** | is the cluster up? Else [Servers](d/mcp-servers), *Certificates*, and **Egress** |',
      '| **Waiting**, **Places taken** | [Servers](d/mcp-servers), *Capacity* and *Queue* |',
      '| **Sessions lost** | [Sessions](d/mcp-sessions), and [Store](d/mcp-store) at that time |',
      '| no data anywhere | *Targets* below: Prometheus sees nobody |',
      '| nothing | on the machine of who reported it: `mcp-session-manager doctor` |',
      '',
      'Runbooks are in the repository, `grafana/runbooks/`, one for each alert; each alert links to its own.',
      'Blue marks in the graphs: a process of ours started.',
    ].join('\n'),
  }),
  stacked(116, 'Failing tool calls, by whose fault it is', {
    shows: 'Tool calls per second that failed, by who can mend it.',
    well: 'Little, and no red.',
    otherwise: 'Red that began with a blue mark: a start or a roll-out. Orange alone: not ours.',
    size: [15, 8],
    unit: 'reqps',
    queries: [
      query(perSecond(CALLS, '', faultsOf('us')), 'ours'),
      query(perSecond(OPERATIONS_COUNT, '', `${OTHER_CALLS}, ${faultsOf('server')}`), 'a server'),
      query(perSecond(OPERATIONS_COUNT, '', `${PROXMOX_CALLS}, ${faultsOf('server')}`), 'Proxmox'),
      query(perSecond(CALLS, '', faultsOf('client')), 'a client'),
    ],
  }),
  timeline(117, 'What fired when', {
    shows: 'Alerts that fired, as Prometheus evaluated them. The first one is nearest to the cause.',
    well: 'Empty.',
    otherwise: 'Begin with the one that is furthest left.',
    size: [15, 8],
    words: FIRING,
    queries: [query('max by (alertname) (ALERTS{alertstate="firing"})', '{{alertname}}')],
  }),
];

const seen = [
  timeline(1, 'Targets', {
    shows: 'Everything that Prometheus asks, and whether it answered.',
    well: 'All green.',
    otherwise: 'Red: it hangs or cannot be reached. A line that ends: it is gone, or was replaced by another one.',
    size: [12, 9],
    words: UP_OR_DOWN,
    queries: [query('up{job=~"gateway|controller|egress|haproxy|redis"}', '{{job}} {{instance}}')],
  }),
  timeline(2, 'Metrics that every deployment has', {
    shows: 'One metric of each kind of process: whether there is any.',
    well: 'All green.',
    otherwise:
      'Alerts that read what is absent are silent. Is the process gone, or not found by Prometheus? redis: Redis itself does not answer.',
    size: [12, 9],
    words: { 0: ['there', 'green'], 1: ['absent', 'red'] },
    queries: Object.entries(SIGNS).map(([job, metric]) =>
      query(`sum(absent(${metric}{job="${job}"})) or vector(0)`, job),
    ),
  }),
];

/** The page to open at night: what fires, whose fault it is, where to go. */
export const oncall = board({
  uid: 'mcp-oncall',
  title: 'MCP sessions: on call',
  description: 'What is firing, whether it is us, a server or Proxmox, and where to go from here.',
  from: 'now-3h',
  sections: [
    { panels: [firing, ...parts, ...faults, ...worries, ...course] },
    { title: 'What Prometheus sees', panels: seen },
  ],
});
