/**
 * Counts within a window that begins with the first hit.
 *
 * KEYS[1] hits
 * ARGV[1] window in milliseconds
 * Result: how often, this time included
 */
export const HIT = `
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return count
`;
