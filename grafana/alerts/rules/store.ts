import type { Alert } from '../alert.ts';
import { FILE_FAILS, MEMORY_FULL } from '../redis-refuses.ts';
import { STORE_IS_UP } from './store-is-up.ts';

/** Redis, and the balancer. */
export const STORE_ALERTS: readonly Alert[] = [
  {
    name: 'McpRedisDown',
    severity: 'page',
    // Over some time: when it takes what is written again, its exporter says so before gateways and controllers.
    expression: 'mcp:store:down == 1 unless on () (max_over_time(mcp:store:refuses[2m]) > 0)',
    for: '0s',
    summary: 'For a minute nobody could use Redis: no new session, no new connection',
    description:
      'It does not answer, or refuses to write. Gateways serve the sessions that they know from memory; everything else is answered with 503. Nothing is started or ended.',
    panel: ['mcp-store', 1],
  },
  {
    name: 'McpRedisMemoryHigh',
    severity: 'ticket',
    expression: 'redis_memory_used_bytes / (redis_memory_max_bytes > 0) > 0.8',
    for: '10m',
    summary: 'Redis uses {value|percent} of its memory',
    description: 'At 100 % it refuses to write: no new session, no new connection.',
    panel: ['mcp-store', 2],
  },
  {
    name: 'McpRedisMemoryFull',
    severity: 'page',
    expression: MEMORY_FULL,
    for: '2m',
    summary: 'Redis uses {value|percent} of its memory: soon it refuses to write',
    description: 'At 100 % no session and no connection can be opened, and no server started.',
    panel: ['mcp-store', 2],
  },
  {
    name: 'McpRedisEvictions',
    severity: 'page',
    expression: 'sum(increase(redis_evicted_keys_total[10m])) > 0',
    for: '0s',
    summary: 'Redis has thrown away {value|number} keys',
    description: 'Its maxmemory-policy must be noeviction: each key may be a session that lives.',
    panel: ['mcp-store', 3],
  },
  {
    name: 'McpRedisAofFailing',
    severity: 'page',
    expression: FILE_FAILS,
    for: '2m',
    summary: 'Redis cannot write its append-only file, and refuses to write at all',
    description: 'Most often its disk is full. No session can be opened or kept alive until it can write again.',
    panel: ['mcp-store', 4],
  },
  {
    name: 'McpRedisAofRewriteFailing',
    severity: 'ticket',
    expression: 'redis_aof_last_bgrewrite_status == 0',
    for: '15m',
    summary: 'Redis cannot make its append-only file smaller',
    description:
      'The file grows until the disk is full. Most often there is too little memory or disk for the rewrite.',
    panel: ['mcp-store', 4],
  },
  {
    name: 'McpRedisReplication',
    severity: 'ticket',
    expression:
      'min(redis_master_link_up) == 0 or sum(redis_connected_slaves) < floor(quantile_over_time(0.75, sum(redis_connected_slaves)[2h:1m]))',
    for: '5m',
    summary: 'A replica of Redis does not follow',
    description:
      'If the primary is lost now, so is what the replica has not seen, and there may be nobody to take over.',
    panel: ['mcp-store', 5],
  },
  {
    name: 'McpBalancerDown',
    severity: 'page',
    expression: 'absent(up{job="haproxy"} == 1) and on () max_over_time(up{job="haproxy"}[7d]) == 1',
    for: '2m',
    summary: 'The balancer does not answer: nobody can work',
    description: 'No HAProxy answers Prometheus. All that clients send goes through it.',
    panel: ['mcp-oncall', 1],
  },
  {
    name: 'McpBalancerBackendDown',
    severity: 'ticket',
    expression: `max by (server) (haproxy_server_status{proxy="gateways",state="DOWN"}) == 1 ${STORE_IS_UP}`,
    for: '5m',
    summary: 'The balancer has taken {label:server} out',
    description:
      'A gateway that has an address does not answer /readyz: it hangs, drains or does not reach Redis. Places that nobody uses are in MAINT and do not count.',
    panel: ['mcp-store', 6],
  },
];
