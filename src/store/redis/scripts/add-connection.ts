/**
 * Writes a connection into its session's hash, if that is there.
 *
 * KEYS[1] session
 * ARGV[1] field, [2] record
 * Result: 1 written; 0 the session is not there
 */
export const ADD_CONNECTION = `
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return 1
`;
