import type { Endpoint } from '../core/session.ts';

/** The options of `http.request` that lead to an endpoint. */
export function addressOptions(endpoint: Endpoint): { socketPath: string } | { host: string; port: number } {
  return endpoint.kind === 'unix' ? { socketPath: endpoint.path } : { host: endpoint.host, port: endpoint.port };
}

/** Tells endpoints apart. */
export function endpointKey(endpoint: Endpoint): string {
  return endpoint.kind === 'unix' ? endpoint.path : `${endpoint.host}:${endpoint.port}`;
}
