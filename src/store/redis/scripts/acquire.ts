import { NOW } from './now.ts';

/**
 * Takes the lease if nobody else has it. The holder's word is new with each acquisition, so one whose answer was lost takes
 * what it had taken already. The epoch is above the last one, and at least the server's time: so it grows even if Redis has
 * lost its last second or everything.
 *
 * KEYS[1] lease, KEYS[2] epoch
 * ARGV[1] the holder's word, [2] ttl in milliseconds
 * Result: the epoch; 0 somebody else has the lease
 */
export const ACQUIRE = `
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
${NOW}
local epoch = math.max(tonumber(redis.call('GET', KEYS[2]) or 0) + 1, now)
redis.call('SET', KEYS[2], string.format('%.0f', epoch))
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return epoch
`;
