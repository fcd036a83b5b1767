import { createHmac } from 'node:crypto';
import type { TlsOptions } from 'node:tls';

/**
 * A host on a network address is spoken to over TLS with a key that both sides have beforehand (RFC 4279, RFC 5489), since it
 * is told secrets there and has no certificate: who does not know the instance's secret can neither listen nor connect.
 * Node has such keys up to TLS 1.2; this suite has forward secrecy.
 */
export const LINK_TLS = {
  ciphers: 'ECDHE-PSK-CHACHA20-POLY1305',
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.2',
} as const satisfies TlsOptions;

/** The key of an instance's network connections, 32 bytes: it does not reveal the secret, which is still asked for. */
export function linkKeyOf(secret: string): Buffer {
  return createHmac('sha256', secret).update('link').digest();
}
