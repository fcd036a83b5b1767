/**
 * Notes that a generation is being prepared, unless one has begun.
 *
 * KEYS[1] generation
 * ARGV[1] name
 * Result: 1 noted; 0 one has begun
 */
export const PREPARE = `
if redis.call('HGET', KEYS[1], 'begun') then return 0 end
redis.call('HSET', KEYS[1], 'prepared', ARGV[1])
return 1
`;
