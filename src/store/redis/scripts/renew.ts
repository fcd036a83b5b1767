/**
 * Keeps the lease for another ttl, if it is still the holder's.
 *
 * KEYS[1] lease
 * ARGV[1] the holder's word, [2] ttl in milliseconds
 * Result: 1 kept; 0 it is gone, or somebody else's
 */
export const RENEW = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
`;
