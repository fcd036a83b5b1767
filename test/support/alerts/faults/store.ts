import {
  all,
  becomes,
  type Faults,
  FROM,
  leaves,
  MIB,
  MINUTES,
  noLease,
  noneReady,
  placeDown,
  quickens,
  vanishes,
} from './fault.ts';

const EXPORTER = { job: 'redis', instance: '10.0.0.9:9121' };
const UNUSABLE = 'For a minute nobody could use Redis: no new session, no new connection';

/** Redis answers, and takes nothing: the lease is lost, too. */
const unwritable = all(becomes(0, 'mcp_store_up'), noLease);

export const STORE_FAULTS: Faults = {
  McpRedisDown: [
    {
      what: 'Redis is stopped, and all that this brings with it',
      happens: all(
        noneReady,
        unwritable,
        quickens(5, ['"timed_out"']),
        quickens(2, ['error_type="unavailable"']),
        ...['memory', 'evicted', 'aof', 'connected', 'master'].map((what) => vanishes(`redis_${what}`)),
        becomes(0, 'redis_up'),
      ),
      at: FROM + 20 * MINUTES,
      summary: UNUSABLE,
    },
    {
      what: 'Redis refuses to write and does not say why',
      happens: unwritable,
      at: FROM + 5 * MINUTES,
      summary: UNUSABLE,
    },
  ],
  McpRedisMemoryHigh: [
    {
      what: 'memory fills',
      happens: becomes(220 * MIB, 'redis_memory_used_bytes'),
      at: FROM + 12 * MINUTES,
      labels: EXPORTER,
      summary: 'Redis uses 85.94% of its memory',
    },
  ],
  McpRedisMemoryFull: [
    {
      what: 'memory is full',
      happens: becomes(250 * MIB, 'redis_memory_used_bytes'),
      at: FROM + 12 * MINUTES,
      labels: EXPORTER,
      summary: 'Redis uses 97.66% of its memory: soon it refuses to write',
      also: ['McpRedisMemoryHigh'],
    },
    {
      what: 'no memory is left: nothing can be written',
      happens: all(becomes(256 * MIB, 'redis_memory_used_bytes'), unwritable),
      at: FROM + 12 * MINUTES,
      labels: EXPORTER,
      summary: 'Redis uses 100% of its memory: soon it refuses to write',
      also: ['McpRedisMemoryHigh'],
    },
  ],
  McpRedisEvictions: [
    {
      what: 'somebody has set another maxmemory-policy',
      happens: quickens(3, ['redis_evicted_keys_total']),
      at: FROM + 5 * MINUTES,
      summary: 'Redis has thrown away 15 keys',
    },
  ],
  McpRedisAofFailing: [
    {
      what: 'the disk of Redis is full: nothing can be written',
      happens: all(becomes(0, 'redis_aof_last_write_status'), unwritable),
      at: FROM + 10 * MINUTES,
      labels: EXPORTER,
      summary: 'Redis cannot write its append-only file, and refuses to write at all',
    },
  ],
  McpRedisAofRewriteFailing: [
    {
      what: 'a rewrite fails',
      happens: becomes(0, 'redis_aof_last_bgrewrite_status'),
      at: FROM + 20 * MINUTES,
      labels: EXPORTER,
      summary: 'Redis cannot make its append-only file smaller',
    },
  ],
  McpRedisReplication: [
    {
      what: 'the replica is gone',
      happens: becomes(0, 'redis_connected_slaves'),
      at: FROM + 6 * MINUTES,
      summary: 'A replica of Redis does not follow',
    },
    {
      what: 'the replica has lost its primary',
      happens: becomes(0, 'redis_master_link_up'),
      at: FROM + 6 * MINUTES,
      summary: 'A replica of Redis does not follow',
    },
  ],
  McpBalancerDown: [
    {
      what: 'HAProxy is gone',
      happens: leaves('10.0.0.8:8404'),
      at: FROM + 5 * MINUTES,
      summary: 'The balancer does not answer: nobody can work',
    },
  ],
  McpBalancerBackendDown: [
    {
      what: 'a gateway hangs',
      happens: placeDown('gateway2'),
      at: FROM + 7 * MINUTES,
      labels: { server: 'gateway2' },
      summary: 'The balancer has taken gateway2 out',
    },
  ],
};
