import { NOW } from './now.ts';

/**
 * Takes sessions that were found to be over out of the deadlines. One whose deadline lies in the future stays: it may be
 * about to be created again.
 *
 * KEYS[1] deadlines
 * ARGV session ids
 * Result: nil
 */
export const PURGE = `
${NOW}
for _, id in ipairs(ARGV) do
  local deadline = redis.call('ZSCORE', KEYS[1], id)
  if deadline and tonumber(deadline) <= now then redis.call('ZREM', KEYS[1], id) end
end
`;
