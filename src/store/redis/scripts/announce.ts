import { NOW } from './now.ts';

/**
 * Notes what a process says of itself, and forgets those that have said nothing for too long.
 *
 * KEYS[1] replicas, KEYS[2] reports
 * ARGV[1] id, [2] report, [3] ttl in milliseconds
 * Result: nil
 */
export const ANNOUNCE = `
${NOW}
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)) do
  redis.call('ZREM', KEYS[1], id)
  redis.call('HDEL', KEYS[2], id)
end
`;
