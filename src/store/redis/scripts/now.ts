/** Lua: `now`, the server's time in milliseconds since the epoch. Commands in a script see one time only. */
export const NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`;
