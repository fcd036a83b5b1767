import type { Duplex } from 'node:stream';
import { connect } from 'node:tls';
import { LINK_TLS, linkKeyOf } from '../core/link-tls.ts';
import type { Endpoint } from '../core/session.ts';

/** What `http.request` is given to reach an endpoint: without an agent, since a host gets a connection for each purpose. */
export type AddressOptions =
  | { readonly socketPath: string; readonly agent: false }
  | { readonly host: string; readonly port: number; readonly createConnection: () => Duplex };

/**
 * The options of `http.request` that lead to an endpoint.
 * @param secret the instance's: a host on a network address speaks with nobody who does not know it
 */
export function addressOptions(endpoint: Endpoint, secret: string): AddressOptions {
  if (endpoint.kind === 'unix') return { socketPath: endpoint.path, agent: false };
  const { host, port } = endpoint;
  const pskCallback = () => ({ psk: linkKeyOf(secret), identity: '' });
  // There is no certificate whose name could be looked at: the key says who it is.
  const checkServerIdentity = () => undefined;
  return { host, port, createConnection: () => connect({ ...LINK_TLS, host, port, pskCallback, checkServerIdentity }) };
}

/** Tells endpoints apart. */
export function endpointKey(endpoint: Endpoint): string {
  return endpoint.kind === 'unix' ? endpoint.path : `${endpoint.host}:${endpoint.port}`;
}
