/** One metric of each job, which it has from its start. */
export const SIGNS = {
  gateway: 'mcp_gateway_ready',
  controller: 'mcp_controller_lease_held',
  egress: 'mcp_egress_connections',
  haproxy: 'haproxy_backend_active_servers',
  redis: 'redis_memory_used_bytes',
} as const;
