import { NOW } from './now.ts';

/**
 * Puts a session that is about to be created into the deadlines, by the same time as the one that its TTL will have.
 *
 * KEYS[1] deadlines
 * ARGV[1] session id, [2] idle, [3] max
 * Result: nil
 */
export const ENLIST = `
${NOW}
redis.call('ZADD', KEYS[1], math.min(now + ARGV[2], ARGV[3]), ARGV[1])
`;
