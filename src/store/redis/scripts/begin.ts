/**
 * Begins the generation that was prepared last, if none has begun.
 *
 * KEYS[1] generation
 * ARGV[1] name
 * Result: 1 begun; 0 one has begun already, or another or none was prepared
 */
export const BEGIN = `
local known = redis.call('HMGET', KEYS[1], 'begun', 'prepared')
if known[1] or known[2] ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'begun', ARGV[1])
return 1
`;
