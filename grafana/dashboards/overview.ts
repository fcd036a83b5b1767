import { ANSWERED, CALLS, FAILED, OPERATIONS, OPERATIONS_COUNT, TOOL_CALLS } from './calls.ts';
import { board } from './kit/board.ts';
import { lines, stacked, stat } from './kit/charts.ts';
import { inCharge, perSecond, quantiles, query } from './kit/query.ts';
import { highIsBad, lowIsBad, notAbove } from './kit/thresholds.ts';
import { AVAILABILITY, BURN_THRESHOLDS, budgetLeft, burnRates, kept, LATENCY } from './slo.ts';

const promises = [
  stat(1, 'Availability of tool calls', {
    shows:
      'The share of tool calls that did not fail through a fault of ours (unavailable, outcome unknown, internal).',
    well: '99.9 % or more over 30 days.',
    otherwise: 'See which errors they are (Tool calls by outcome), then go to On call.',
    size: [7, 5],
    unit: 'percentunit',
    decimals: 3,
    thresholds: lowIsBad(0.99, AVAILABILITY.target),
    queries: kept(AVAILABILITY),
  }),
  stat(100, 'Error budget left', {
    shows:
      'What is left of the faults that 30 days may have: calls that fail, and requests that we delay by more than 25 ms.',
    well: 'More than half.',
    otherwise: 'Below a quarter: no risky changes. Used up: reliability comes before anything new.',
    size: [5, 5],
    unit: 'percentunit',
    decimals: 0,
    thresholds: lowIsBad(0.25, 0.5),
    queries: [query(budgetLeft(AVAILABILITY), 'availability'), query(budgetLeft(LATENCY), 'latency')],
  }),
  stat(101, 'In use', {
    shows: 'Sessions that are alive, tool calls per second, and requests that wait for their server now.',
    well: 'What is usual at this time of day; hardly anything waits.',
    otherwise: 'No calls at all while there are sessions: see On call. Many that wait: Sessions, Requests that waited.',
    size: [5, 5],
    unit: 'short',
    decimals: 0,
    queries: [
      query(inCharge('mcp_controller_sessions', ''), 'sessions'),
      query(`sum(rate(${CALLS}[5m]))`, 'calls/s'),
      query('sum(mcp_gateway_held_requests)', 'waiting'),
    ],
  }),
  lines(5, 'Replicas that are ready', {
    shows: 'Gateways that say that they are ready, those that the balancer uses, and how many there usually are.',
    well: 'All three the same. One less for a moment while replicas are replaced.',
    otherwise: 'Missing ones: On call, Targets; then One replica for why it is not ready.',
    size: [7, 5],
    unit: 'short',
    decimals: 0,
    queries: [
      query('sum(mcp_gateway_ready)', 'ready'),
      query('haproxy_backend_active_servers{proxy="gateways"}', 'used by the balancer'),
      query('mcp:replicas:usual{job="gateway"}', 'expected'),
    ],
  }),
];

const burning = [
  lines(2, 'Availability: burn rates', {
    shows:
      'How many times faster than allowed tool calls fail through us, over several windows. 1 uses up the budget in 30 days.',
    well: 'Below 1.',
    otherwise:
      '1 h above 14.4 and 6 h above 6 page. Tool calls by outcome says which error, On call says whose fault it is.',
    size: [12, 8],
    unit: 'short',
    decimals: 1,
    thresholds: BURN_THRESHOLDS,
    queries: burnRates(AVAILABILITY),
  }),
  lines(3, 'Latency: burn rates', {
    shows:
      'How many times faster than allowed requests are delayed by the gateway by more than 25 ms. 1 uses up the budget in 30 days.',
    well: 'Below 1.',
    otherwise: 'Look at Event loop lag and Processor below: a gateway has too much to do, or its machine has.',
    size: [12, 8],
    unit: 'short',
    decimals: 1,
    thresholds: BURN_THRESHOLDS,
    queries: burnRates(LATENCY),
  }),
];

const signals = [
  stacked(4, 'Tool calls by outcome', {
    shows: 'Tool calls per second that were answered, and those that failed, by kind of error.',
    well: 'Nearly all answered. Reds and purple are our faults, oranges a server’s, blues the client’s.',
    otherwise:
      'Red or purple: On call. Orange: Servers, Tools that fail. Blue: a client asks for what cannot be; look at its owner’s log.',
    size: [8, 9],
    unit: 'reqps',
    queries: [
      query(perSecond(CALLS, '', ANSWERED), 'answered'),
      query(perSecond(CALLS, 'error_type', FAILED), '{{error_type}}'),
    ],
  }),
  lines(102, 'Time of tool calls', {
    shows: 'How long tool calls take, from request to answer, servers included.',
    well: 'What is usual for the tools in use; most of it is the server’s time.',
    otherwise: 'If Time added by the gateway rose with it, it is us; else see Servers, Slowest tools.',
    size: [8, 9],
    unit: 's',
    queries: quantiles(OPERATIONS, TOOL_CALLS),
  }),
  lines(103, 'Time added by the gateway', {
    shows: 'What a request spends in the gateway itself, on both ways.',
    well: 'p99 below 25 ms, p50 about 1 ms.',
    otherwise: 'Event loop lag and Processor say which replica; Store, Time of operations whether the store is slow.',
    size: [8, 9],
    unit: 's',
    thresholds: notAbove(0.025),
    queries: quantiles('mcp_gateway_added_seconds'),
  }),
  lines(104, 'Requests by method', {
    shows: 'The eight methods of MCP that are asked for most, per second.',
    well: 'tools/call leads; lists and initialize come in small numbers.',
    otherwise: 'Much initialize: clients connect again and again, see Sessions. One method alone: a client in a loop.',
    size: [12, 8],
    unit: 'reqps',
    queries: [query(`topk(8, ${perSecond(OPERATIONS_COUNT, 'mcp_method_name')})`, '{{mcp_method_name}}')],
  }),
  lines(105, 'Tools in use', {
    shows: 'The eight tools that are called most, per second.',
    well: 'What people work with.',
    otherwise: 'One tool far above all: a client in a loop; find its session with `mcp-session-manager sessions`.',
    size: [12, 8],
    unit: 'reqps',
    queries: [query(`topk(8, ${perSecond(OPERATIONS_COUNT, 'gen_ai_tool_name', TOOL_CALLS)})`, '{{gen_ai_tool_name}}')],
  }),
];

const room = [
  lines(106, 'Places for servers', {
    shows: 'How much of the capacity for servers and of the queue for a place is used.',
    well: 'Below 85 %, with an empty queue.',
    otherwise: 'Servers, Capacity says what fills it. Raise the limit if the machine has room, or end idle sessions.',
    size: [6, 8],
    unit: 'percentunit',
    thresholds: highIsBad(0.85, 1),
    queries: [
      query(`${inCharge('mcp_instance_running', '')} / ${inCharge('mcp_instance_capacity', '')}`, 'places'),
      query(`${inCharge('mcp_instance_queue', '')} / ${inCharge('mcp_instance_queue_limit', '')}`, 'queue'),
    ],
  }),
  lines(107, 'Processor', {
    shows: 'Processor time of each of our processes; 100 % is one core, which is all that a gateway can use.',
    well: 'Below 70 %.',
    otherwise: 'All gateways high: add replicas. One alone: see One replica.',
    size: [6, 8],
    unit: 'percentunit',
    thresholds: highIsBad(0.7, 0.9),
    queries: [
      query(
        'topk(8, rate(process_cpu_seconds_total{job=~"gateway|controller|egress"}[$__rate_interval]))',
        '{{job}} {{instance}}',
      ),
    ],
  }),
  lines(108, 'Event loop lag', {
    shows:
      'How late our processes are with what they have to do (p99). 10 ms is the resolution of the measurement, not a lag.',
    well: 'Below 50 ms.',
    otherwise: 'Above 100 ms calls become slow: see One replica, or add replicas.',
    size: [6, 8],
    unit: 's',
    thresholds: notAbove(0.1),
    queries: [query('topk(8, nodejs_eventloop_lag_p99_seconds)', '{{job}} {{instance}}')],
  }),
  lines(109, 'Memory of Redis', {
    shows: 'How much of its limit Redis uses. It refuses to write when it is full.',
    well: 'Below 80 %.',
    otherwise: 'Store and balancer, Redis memory; raise REDIS_MEMORY, or end sessions.',
    size: [6, 8],
    unit: 'percentunit',
    thresholds: highIsBad(0.8, 0.95),
    queries: [query('redis_memory_used_bytes / (redis_memory_max_bytes > 0)', '{{instance}}')],
  }),
];

/** Golden signals and promises. */
export const overview = board({
  uid: 'mcp-overview',
  title: 'MCP sessions: overview',
  description: 'Whether the promises are kept, what is asked of the deployment, and how much room it has.',
  from: 'now-6h',
  sections: [
    { panels: promises },
    { title: 'Promises', panels: burning },
    { title: 'Calls', panels: signals },
    { title: 'Room', panels: room },
  ],
});
