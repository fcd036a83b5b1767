import type { TLSSocket } from 'node:tls';
import type { buildConnector } from 'undici';

/**
 * Judges the SHA-256 fingerprint of a host's certificate (colons and upper case, as Node's `fingerprint256`). Rejects with
 * an error that has a `code` if it is not the one that is expected.
 */
export type CheckFingerprint = (fingerprint: string) => Promise<void>;

/**
 * `connector`, but a connection is handed out only after `check` has accepted the certificate, so not one byte of a request
 * reaches another host. Its TLS sessions must not be resumed: a resumed one shows no certificate.
 */
export function pinned(connector: buildConnector.connector, check: CheckFingerprint): buildConnector.connector {
  return (options, callback) => {
    connector(options, (error, socket) => {
      if (error) return callback(error, null);
      const { fingerprint256 = '' } = (socket as TLSSocket).getPeerCertificate();
      check(fingerprint256).then(
        () => callback(null, socket),
        (refusal: Error) => {
          socket.destroy();
          callback(refusal, null);
        },
      );
    });
  };
}
