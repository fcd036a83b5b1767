import { hkdfSync } from 'node:crypto';

/** What the deployment's key is used for: each use has a key of its own, so that none can be played against another. */
export type KeyPurpose = 'tokens' | 'variables' | 'instances' | 'records' | 'egress' | 'states' | 'people';

/**
 * A key of 32 bytes for one purpose, derived from the deployment's key (HKDF with SHA-256, RFC 5869).
 * @param key the deployment's key, at least 32 bytes
 */
export function deriveKey(key: Uint8Array, purpose: KeyPurpose): Buffer {
  if (key.byteLength < 32) throw new RangeError("the deployment's key must have at least 32 bytes");
  return Buffer.from(hkdfSync('sha256', key, '', `mcp-session-manager/${purpose}`, 32));
}
