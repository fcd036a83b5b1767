import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIP } from 'node:net';

/** PEM texts. */
export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

/** An authority that issues certificates, as each Proxmox cluster has one. */
export interface Authority {
  /** PEM of its own certificate. */
  readonly cert: string;
  /** A certificate for `names` (DNS names and IPv4 addresses), valid until the end of 2049 if nothing else is said. */
  issue(names: readonly string[], until?: Date): Certificate;
}

/** A certificate signed by its own key, for `names` (DNS names and IPv4 addresses), as a Proxmox host has one (RFC 5280). */
export function selfSigned(names: readonly string[]): Certificate {
  const keys = keyPair();
  const cert = certificate({
    subject: 'fake Proxmox VE',
    keys,
    issuer: 'fake Proxmox VE',
    signer: keys,
    names,
    ca: true,
  });
  return { key: pem(keys.privateKey), cert };
}

/** An authority of this name. */
export function authority(issuer: string): Authority {
  const signer = keyPair();
  return {
    cert: certificate({ subject: issuer, keys: signer, issuer, signer, names: [], ca: true }),
    issue: (names, until) => {
      const keys = keyPair();
      const subject = names[0] ?? issuer;
      const cert = certificate({ subject, keys, issuer, signer, names, ca: false, ...(until && { until }) });
      return { key: pem(keys.privateKey), cert };
    },
  };
}

const keyPair = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
const pem = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString();

interface Wanted {
  readonly subject: string;
  readonly keys: { readonly publicKey: KeyObject };
  readonly issuer: string;
  readonly signer: { readonly privateKey: KeyObject };
  readonly names: readonly string[];
  readonly ca: boolean;
  readonly until?: Date;
}

const LAST = new Date('2049-12-31T23:59:59Z');

/** PEM of a certificate (RFC 5280). */
function certificate({ subject, keys, issuer, signer, names, ca, until = LAST }: Wanted): string {
  const algorithm = der(0x30, oid('2a8648ce3d040302')); // ecdsa-with-SHA256
  const nameOf = (text: string) => der(0x30, der(0x31, der(0x30, oid('550403'), der(0x0c, Buffer.from(text))))); // CN
  const alternatives = names.map((one) =>
    isIP(one) ? der(0x87, Buffer.from(one.split('.').map(Number))) : der(0x82, Buffer.from(one)),
  );
  const extensions = [
    ...(names.length > 0 ? [der(0x30, oid('551d11'), der(0x04, der(0x30, ...alternatives)))] : []), // subjectAltName
    ...(ca ? [der(0x30, oid('551d13'), der(0x04, der(0x30, der(0x01, Buffer.from([0xff])))))] : []), // basicConstraints: CA
  ];
  const toBeSigned = der(
    0x30,
    der(0xa0, der(0x02, Buffer.from([2]))), // version 3
    der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])), // serial number
    algorithm,
    nameOf(issuer),
    der(0x30, der(0x17, Buffer.from('200101000000Z')), der(0x17, utcTime(until))),
    nameOf(subject),
    keys.publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, der(0x30, ...extensions)),
  );
  const signature = sign('sha256', toBeSigned, signer.privateKey);
  const whole = der(0x30, toBeSigned, algorithm, der(0x03, Buffer.from([0]), signature));
  const lines = whole.toString('base64').replace(/(.{64})/g, '$1\n');
  return `-----BEGIN CERTIFICATE-----\n${lines.trimEnd()}\n-----END CERTIFICATE-----\n`;
}

/** To the second, of the years 1950 to 2049 (RFC 5280, section 4.1.2.5.1). */
const utcTime = (time: Date): Buffer => Buffer.from(`${time.toISOString().replace(/\D/g, '').slice(2, 14)}Z`);

/** One value in DER: tag, length, content (X.690 section 8.1). */
function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents);
  const length = content.length;
  const head = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...head]), content]);
}

const oid = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'));
