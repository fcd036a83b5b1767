import { NOW } from './now.ts';

/**
 * Loads a session and slides its TTL: now + idle, at most max.
 *
 * KEYS[1] session
 * Result: { record, deadline }; nil if it is not there
 */
export const TOUCH = `
local session = redis.call('HMGET', KEYS[1], 'record', 'idle', 'max')
if not session[1] then return nil end
${NOW}
local deadline = math.min(now + session[2], session[3])
redis.call('PEXPIREAT', KEYS[1], deadline)
return { session[1], deadline }
`;
