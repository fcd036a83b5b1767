import { NOW } from './now.ts';

/**
 * What those processes said last that are still there.
 *
 * KEYS[1] replicas, KEYS[2] reports
 * Result: reports
 */
export const REPLICAS = `
${NOW}
local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. now, '+inf')
if #ids == 0 then return {} end
return redis.call('HMGET', KEYS[2], unpack(ids))
`;
