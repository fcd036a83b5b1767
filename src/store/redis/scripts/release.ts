/**
 * Gives the lease back, if it is still the holder's.
 *
 * KEYS[1] lease
 * ARGV[1] the holder's word
 * Result: 1 it is free; 0 it was gone, or somebody else's
 */
export const RELEASE = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
`;
