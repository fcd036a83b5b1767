import type { RequestListener, Server } from 'node:http';
import { createServer } from 'node:https';
import { LINK_TLS } from '../core/link-tls.ts';

/**
 * A server for a network address, which only those reach who have the key (core/link-tls.ts).
 * @param key 32 bytes
 */
export function tlsServer(key: Buffer, listener: RequestListener): Server {
  return createServer({ ...LINK_TLS, pskCallback: () => key }, listener);
}
