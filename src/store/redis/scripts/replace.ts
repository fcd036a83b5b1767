/**
 * Compare-and-set on nonce and version. The TTL stays, but is cut to an earlier max.
 *
 * KEYS[1] session
 * ARGV[1] record, [2] nonce, [3] version, [4] idle, [5] max, [6] the version before
 * Result: 1 replaced; 0 not there, another session, or another version
 */
export const REPLACE = `
local session = redis.call('HMGET', KEYS[1], 'nonce', 'version')
if session[1] ~= ARGV[2] or session[2] ~= ARGV[6] then return 0 end
redis.call('HSET', KEYS[1], 'record', ARGV[1], 'version', ARGV[3], 'idle', ARGV[4], 'max', ARGV[5])
if redis.call('PEXPIRETIME', KEYS[1]) > tonumber(ARGV[5]) then redis.call('PEXPIREAT', KEYS[1], ARGV[5]) end
return 1
`;
