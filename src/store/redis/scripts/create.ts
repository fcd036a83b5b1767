import { NOW } from './now.ts';

/**
 * Creates a session's hash with its TTL, unless there is one.
 *
 * KEYS[1] session
 * ARGV[1] record, [2] nonce, [3] version, [4] idle, [5] max
 * Result: 1 made; 0 there already, left as it is
 */
export const CREATE = `
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
${NOW}
redis.call('HSET', KEYS[1], 'record', ARGV[1], 'nonce', ARGV[2], 'version', ARGV[3], 'idle', ARGV[4], 'max', ARGV[5])
redis.call('PEXPIREAT', KEYS[1], math.min(now + ARGV[4], ARGV[5]))
return 1
`;
