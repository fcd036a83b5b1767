import { board } from './kit/board.ts';
import { bars, lines, stacked } from './kit/charts.ts';
import { events, highest, perSecond, quantile, query } from './kit/query.ts';
import { timeline, UP_OR_DOWN, type Words } from './kit/states.ts';
import { highIsBad, NONE_AT_ALL, notAbove } from './kit/thresholds.ts';

const WRITTEN: Words = { 0: ['failed', 'red'], 1: ['well', 'green'] };

const first = [
  timeline(1, 'Store up', {
    shows:
      'Whether the store answers each gateway and controller and takes what they write, and whether the exporter reaches Redis.',
    well: 'All green.',
    otherwise:
      'All red: Redis is down or full, or cannot write. One red: that process does not reach it. Running calls go on meanwhile.',
    size: [12, 8],
    words: UP_OR_DOWN,
    queries: [query('redis_up', 'Redis {{instance}}'), query('mcp_store_up', '{{job}} {{instance}}')],
  }),
  timeline(6, 'Balancer: servers by state', {
    shows:
      'Places of the balancer that have a gateway, and which of them it takes for alive. Places without one are left out.',
    well: 'All green, as many as there are gateways.',
    otherwise:
      'Red: it does not answer /readyz, see One replica. Fewer than gateways: the name server does not list them.',
    size: [12, 8],
    words: UP_OR_DOWN,
    queries: [
      query(
        'haproxy_server_status{proxy="gateways", state="UP"} unless on (server) (haproxy_server_status{proxy="gateways", state="MAINT"} == 1)',
        '{{server}}',
      ),
    ],
  }),
];

const store = [
  lines(100, 'Time of operations', {
    shows: 'p99 of the operations of the store, by kind, and p50 of all; failed ones included.',
    well: 'Below 10 ms.',
    otherwise:
      'Redis commands slow too: its machine or its disk (append-only file). If not: the network, or the gateway itself.',
    size: [8, 8],
    unit: 's',
    thresholds: notAbove(0.1),
    queries: [
      query(quantile(0.5, 'mcp_store_operation_duration_seconds'), 'p50'),
      query(highest(0.99, 'mcp_store_operation_duration_seconds', 'operation', ''), '{{operation}} p99'),
    ],
  }),
  stacked(101, 'Operations', {
    shows: 'Operations of the store per second, by kind.',
    well: 'Few: calls do not need the store, sessions are touched at most every five seconds.',
    otherwise: 'Many reads: gateways do not find sessions in their caches, see Sessions, Found without the store.',
    size: [8, 8],
    unit: 'reqps',
    queries: [query(perSecond('mcp_store_operation_duration_seconds_count', 'operation'), '{{operation}}')],
  }),
  bars(102, 'Operations that failed, by reason', {
    shows: 'Operations that failed: the store did not answer within a second, or it has lost everything.',
    well: 'None.',
    otherwise:
      'unavailable: Redis below. emptied: somebody flushed it, or it came back without its file; sessions are made again from the hosts.',
    size: [8, 8],
    unit: 'short',
    thresholds: NONE_AT_ALL,
    queries: [query(`${events('mcp_store_errors_total', 'reason')} > 0`, '{{reason}}')],
  }),
];

const redis = [
  lines(2, 'Redis memory', {
    shows: 'How much of its limit Redis uses.',
    well: 'Below 80 %. A session takes some KiB.',
    otherwise: 'From 95 % on it refuses writes: raise REDIS_MEMORY, or end sessions. No data: it has no limit.',
    size: [6, 8],
    unit: 'percentunit',
    thresholds: highIsBad(0.8, 0.95),
    queries: [query('redis_memory_used_bytes / (redis_memory_max_bytes > 0)', '{{instance}}')],
  }),
  bars(3, 'Redis evictions', {
    shows: 'Keys that Redis threw away to make room. Each may be a session.',
    well: 'None: the policy is noeviction.',
    otherwise: 'Set maxmemory-policy noeviction again at once, then raise the limit.',
    size: [6, 8],
    unit: 'short',
    thresholds: NONE_AT_ALL,
    queries: [query(events('redis_evicted_keys_total', 'instance'), '{{instance}}')],
  }),
  timeline(4, 'Redis append-only file', {
    shows:
      'Whether the last write to the file and its last rewrite succeeded. What is not in it is lost with Redis’s process.',
    well: 'Green.',
    otherwise: 'The disk is full or broken: look at its volume and at the log of Redis before it restarts.',
    size: [6, 8],
    words: WRITTEN,
    queries: [
      query('redis_aof_last_write_status', 'write {{instance}}'),
      query('redis_aof_last_bgrewrite_status', 'rewrite {{instance}}'),
    ],
  }),
  lines(5, 'Redis replication', {
    shows: 'Replicas that each Redis has, and whether a replica has its link to the primary. With one Redis alone: 0.',
    well: 'Does not change; links at 1.',
    otherwise: 'Fewer: a failover now could lose the last seconds; look at the replica’s log.',
    size: [6, 8],
    unit: 'short',
    decimals: 0,
    queries: [
      query('redis_connected_slaves', 'replicas of {{instance}}'),
      query('redis_master_link_up', 'link of {{instance}}'),
    ],
  }),
  stacked(103, 'Redis commands', {
    shows: 'The eight commands that take most of Redis’s time, as a share of one core.',
    well: 'A few per cent.',
    otherwise: 'Near 100 %: Redis is the limit. evalsha are our scripts; others come from somebody else.',
    size: [6, 8],
    unit: 'percentunit',
    queries: [query(`topk(8, ${perSecond('redis_commands_duration_seconds_total', 'cmd')})`, '{{cmd}}')],
  }),
  lines(104, 'Redis clients', {
    shows: 'Connections to Redis, and those that wait in a blocking command.',
    well: 'A few for each gateway and controller.',
    otherwise: 'Grows for long: a client that does not close. Falls to 1: nobody but the exporter reaches it.',
    size: [6, 8],
    unit: 'short',
    decimals: 0,
    queries: [query('redis_connected_clients', '{{instance}}'), query('redis_blocked_clients', 'blocked {{instance}}')],
  }),
  lines(105, 'Redis keys', {
    shows: 'Keys, and those of them that expire by themselves.',
    well: 'About one or two for each session, nearly all with an end.',
    otherwise:
      'A fall to nothing: emptied, see Operations that failed. More without an end: somebody else uses this Redis.',
    size: [6, 8],
    unit: 'short',
    decimals: 0,
    queries: [
      query('sum by (instance) (redis_db_keys)', 'keys {{instance}}'),
      query('sum by (instance) (redis_db_keys_expiring)', 'expiring {{instance}}'),
    ],
  }),
  bars(106, 'Redis refusals', {
    shows: 'Connections that Redis turned away, and commands that it answered with an error.',
    well: 'None, but for NOSCRIPT after a restart.',
    otherwise:
      'OOM errors: memory. Refused connections: maxclients. Wrong password: REDIS_PASSWORD_FILE of the exporter or of us.',
    size: [6, 8],
    unit: 'short',
    queries: [
      query(events('redis_rejected_connections_total', ''), 'connections'),
      query(events('redis_total_error_replies', ''), 'errors'),
    ],
  }),
];

const balancer = [
  stacked(107, 'Answers by status', {
    shows: 'Answers that clients got from the balancer, per second.',
    well: '2xx. 4xx in small numbers: clients without a token.',
    otherwise:
      '5xx: no gateway answered; see Retries and Balancer: servers by state. Many 4xx: Sessions, Sessions asked for.',
    size: [8, 8],
    unit: 'reqps',
    queries: [query(`${perSecond('haproxy_frontend_http_responses_total', 'code', 'proxy="mcp"')} > 0`, '{{code}}')],
  }),
  bars(108, 'Retries', {
    shows: 'Requests that the balancer sent again, to the same gateway or to another one, and connections that failed.',
    well: 'None, but while replicas are replaced.',
    otherwise:
      'All the time: a gateway that does not answer in time. Each is run once only, clients notice nothing but time.',
    size: [8, 8],
    unit: 'short',
    queries: [
      query(events('haproxy_backend_retry_warnings_total', '', 'proxy=~"gateways.*"'), 'sent again'),
      query(events('haproxy_backend_redispatch_warnings_total', '', 'proxy=~"gateways.*"'), 'to another gateway'),
      query(events('haproxy_backend_connection_errors_total', '', 'proxy=~"gateways.*"'), 'no connection'),
      query(events('haproxy_backend_response_errors_total', '', 'proxy=~"gateways.*"'), 'no answer'),
    ],
  }),
  stacked(109, 'Requests by gateway', {
    shows: 'Requests per second that each gateway gets from the balancer.',
    well: 'Spread evenly, by terminals.',
    otherwise: 'One gets nearly all: the others are down for the balancer, or one terminal is very busy.',
    size: [8, 8],
    unit: 'reqps',
    queries: [
      query(`${perSecond('haproxy_server_http_requests_total', 'server', 'proxy="gateways"')} > 0`, '{{server}}'),
    ],
  }),
  lines(110, 'Connections of clients', {
    shows: 'Connections that the balancer holds, as a share of what it may (maxconn).',
    well: 'Below 80 %. Each client that listens holds one.',
    otherwise: 'At the limit new ones wait: raise maxconn in docker/haproxy.cfg, or find who opens so many.',
    size: [8, 8],
    unit: 'percentunit',
    thresholds: highIsBad(0.8, 0.95),
    queries: [query('haproxy_process_current_connections / haproxy_process_max_connections', '{{instance}}')],
  }),
  lines(111, 'Time in the balancer', {
    shows: 'Average times of the last 1024 requests: in the queue, to connect, until the gateway’s first byte.',
    well: 'Queue and connect near 0.',
    otherwise: 'Queue: no gateway is ready. Connect: their machine. First byte: the gateway or a slow server.',
    size: [8, 8],
    unit: 's',
    queries: [
      query('max(haproxy_backend_queue_time_average_seconds{proxy="gateways"})', 'queue'),
      query('max(haproxy_backend_connect_time_average_seconds{proxy="gateways"})', 'connect'),
      query('max(haproxy_backend_response_time_average_seconds{proxy="gateways"})', 'first byte'),
    ],
  }),
  lines(112, 'Idle time of the balancer', {
    shows: 'How much of its time the balancer has nothing to do.',
    well: 'Above 50 %.',
    otherwise: 'Near 0 it is the limit itself: more threads (nbthread), or a second balancer.',
    size: [8, 8],
    unit: 'percentunit',
    max: 1,
    queries: [query('haproxy_process_idle_time_percent / 100', '{{instance}}')],
  }),
];

/** Redis and HAProxy, as we meet them and as they say themselves. */
export const storeAndBalancer = board({
  uid: 'mcp-store',
  title: 'MCP sessions: store and balancer',
  description: 'Whether Redis and HAProxy do their work, and how much room they have.',
  from: 'now-6h',
  sections: [
    { panels: first },
    { title: 'The store, as we meet it', panels: store },
    { title: 'Redis', panels: redis },
    { title: 'Balancer', panels: balancer },
  ],
});
