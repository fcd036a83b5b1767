/** What Redis says of itself when it refuses to write, soon or already: `McpRedisMemoryFull` and `McpRedisAofFailing` page. */
export const MEMORY_FULL = 'redis_memory_used_bytes / (redis_memory_max_bytes > 0) > 0.95';
export const FILE_FAILS = 'redis_aof_last_write_status == 0';
