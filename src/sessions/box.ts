import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

const ALGORITHM = 'aes-256-gcm';
/** Bytes (NIST SP 800-38D, 5.2.1.1 and 5.2.1.2). */
const NONCE = 12;
const TAG = 16;

/**
 * `text` encrypted and authenticated: AES-256-GCM.
 * @param key 32 bytes
 * @param bound what it belongs to: it opens with nothing else
 * @returns base64url
 */
export function lock(key: Uint8Array, bound: string, text: string): string {
  const nonce = randomBytes(NONCE);
  const cipher = createCipheriv(ALGORITHM, key, nonce, { authTagLength: TAG }).setAAD(Buffer.from(bound));
  const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64url');
}

/** What `lock` was given. Throws if it was another key or bound to something else, or if it was changed since. */
export function unlock(key: Uint8Array, bound: string, locked: string): string {
  const bytes = Buffer.from(locked, 'base64url');
  const decipher = createDecipheriv(ALGORITHM, key, bytes.subarray(0, NONCE), { authTagLength: TAG })
    .setAAD(Buffer.from(bound))
    .setAuthTag(bytes.subarray(NONCE, NONCE + TAG));
  return Buffer.concat([decipher.update(bytes.subarray(NONCE + TAG)), decipher.final()]).toString();
}
