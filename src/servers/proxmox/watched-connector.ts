import type { TLSSocket } from 'node:tls';
import type { buildConnector } from 'undici';

/** Told until when the certificate of a host is valid, milliseconds since the epoch. */
export type SawCertificate = (expiresAt: number) => void;

/** `connector`, which tells of the certificate of each connection that it hands out; a resumed TLS session may show none. */
export function watched(connector: buildConnector.connector, saw: SawCertificate): buildConnector.connector {
  return (options, callback) => {
    connector(options, (...made) => {
      const expiresAt = Date.parse((made[1] as TLSSocket | null)?.getPeerX509Certificate()?.validTo ?? '');
      if (!Number.isNaN(expiresAt)) saw(expiresAt);
      callback(...made);
    });
  };
}
